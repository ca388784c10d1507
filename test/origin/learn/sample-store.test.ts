import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { UpriverClient } from "#client/index.ts";
import type { SampleLine } from "#core/contract/index.ts";
import type { LabelledSample } from "#origin/learn/mix.ts";
import { SampleStore } from "#origin/learn/sample-store.ts";
import type { Row } from "#origin/recipes/index.ts";
import { sampleOf } from "./sample.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-samples-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const row: Row = { region: "lagoon", instance: { hour: 1 }, label: "umbrella", at: 0 };
const line = (id: string, revision: number, label = "umbrella") => sampleOf(row, { id, revision, label });

/** An edge with pages of samples, by the cursor that leads to each. */
function edge(pages: Record<string, { lines: SampleLine[]; cursor: string; more: boolean }>) {
  const asked: string[] = [];
  const samples = async (_: string, since = "start") => {
    asked.push(since);
    return pages[since] ?? { lines: [], cursor: since, more: false };
  };
  return { asked, client: { samples } as unknown as UpriverClient };
}
const pages = {
  start: { lines: [line("a", 1), line("b", 2)], cursor: "two", more: true },
  two: { lines: [line("c", 3), line("a", 4, "sneakers")], cursor: "three", more: false },
};

describe("the origin's sample store", () => {
  it("pulls page by page, keeps each sample once in its latest revision, and continues at its cursor", async () => {
    const { client, asked } = edge(pages);
    const store = new SampleStore(join(folder, "pages"));
    expect(await store.pull(client, "shop")).toEqual({ added: 3, known: 3 });
    expect(await store.pull(client, "shop")).toEqual({ added: 0, known: 3 });
    expect(asked).toEqual(["start", "two", "three"]);
    expect((await store.read()).map((known) => [known.id, (known as LabelledSample).label])).toEqual([
      ["a", "sneakers"],
      ["b", "umbrella"],
      ["c", "umbrella"],
    ]);
  });

  it("loses and doubles nothing when the origin is killed at any byte of a write", async () => {
    const whole = join(folder, "whole");
    await new SampleStore(whole).pull(edge(pages).client, "shop");
    const expected = await new SampleStore(whole).read();
    const file = await readFile(join(whole, "samples.ndjson"));
    for (let bytes = 0; bytes <= file.length; bytes += 7) {
      const cut = join(folder, `cut-${bytes}`);
      await new SampleStore(cut).read();
      await writeFile(join(cut, "samples.ndjson"), file.subarray(0, bytes));
      await new SampleStore(cut).pull(edge(pages).client, "shop");
      expect(await new SampleStore(cut).read()).toEqual(expected);
    }
  });

  it("deletes forgotten samples from the disk", async () => {
    const store = new SampleStore(join(folder, "forgotten"));
    const forgotten: SampleLine = { region: "lagoon", id: "b", revision: 9, forgotten: true };
    await store.pull(edge(pages).client, "shop");
    const later = edge({ three: { lines: [forgotten], cursor: "four", more: false } });
    expect(await store.pull(later.client, "shop")).toMatchObject({ known: 2 });
    const text = await readFile(join(folder, "forgotten", "samples.ndjson"), "utf8");
    expect(text).not.toContain('"b"');
    await appendFile(join(folder, "forgotten", "samples.ndjson"), '{"region":"lagoon","id":"b"');
    expect((await store.read()).map(({ id }) => id)).toEqual(["a", "c"]);
  });

  it("is empty when nothing was pulled, and throws when its file cannot be read", async () => {
    expect(await new SampleStore(join(folder, "none")).read()).toEqual([]);
    await mkdir(join(folder, "unreadable", "samples.ndjson"), { recursive: true });
    const store = new SampleStore(join(folder, "unreadable"));
    await expect(store.read()).rejects.toThrow("samples.ndjson (EISDIR). Check the disk and the permissions");
    await expect(store.pull(edge(pages).client, "shop")).rejects.toThrow("Cannot read");
  });

  it.each([
    ["a damaged line", '{"region":"lagoon",\n{"cursor":"1"}\n', "is damaged at byte 0. Delete the file"],
    [
      "a sample that version 0.1 wrote",
      `${JSON.stringify({ ...line("a", 1), split: undefined, fold: "tune" })}\n{"cursor":"1"}\n`,
      "was written by Upriver 0.1, which this version cannot read. Delete the file",
    ],
  ])("refuses %s, and names what to do", async (name, text, message) => {
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, "samples.ndjson"), text);
    await expect(new SampleStore(join(folder, name)).read()).rejects.toThrow(message);
  });
});
