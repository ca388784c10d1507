import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { UpriverClient } from "#client/index.ts";
import type { SampleLine } from "#core/contract/index.ts";
import { compareVersions } from "#origin/learn/compare.ts";
import { type LabelledSample, mixSamples } from "#origin/learn/mix.ts";
import { SampleStore } from "#origin/learn/sample-store.ts";
import type { Row } from "#origin/recipes/index.ts";
import { storefront } from "#origin/recipes/storefront.ts";
import { assignSplits } from "#origin/train/dataset.ts";
import { train } from "#origin/train/index.ts";
import { readFrom } from "#origin/train/score.ts";

const day = 24 * 3600_000;
const origin = { ...storefront, policy: { ...storefront.policy, originLabelWeight: 0.25 } };

function sample(of: Row, change: Partial<LabelledSample> = {}): LabelledSample {
  const { region, instance, label, at } = of;
  const dealt = { split: "calibration" as const, groupKey: "x", inclusionProbability: 1 };
  return {
    region,
    id: `${region}-${at}`,
    revision: 1,
    instance,
    label,
    source: "truth",
    at,
    labelledAt: at + day,
    ...dealt,
    ...change,
  };
}

describe("mixing", () => {
  let base: Row[];
  beforeAll(async () => {
    base = (await storefront.load({})).slice(0, 400);
  });
  const all = (splits: Awaited<ReturnType<typeof mixSamples>>) => [
    ...splits.train,
    ...splits.validation,
    ...splits.calibration,
  ];

  it("of no samples is the recipe's own rows in their splits", async () => {
    const [mixed, dealt] = [await mixSamples(storefront, base, []), await assignSplits(storefront, base)];
    for (const split of ["train", "validation", "calibration"] as const) {
      expect(new Set(mixed[split])).toEqual(new Set(dealt[split]));
      expect(mixed[split].every(({ at }, i) => at >= (mixed[split][i - 1]?.at ?? 0))).toBe(true);
    }
  });

  it("has each question once, in the split that its region dealt, whatever the order of its columns", async () => {
    const one = base[5] as Row;
    const turned = Object.fromEntries(Object.entries(one.instance).reverse());
    const splits = await mixSamples(storefront, base, [sample(one, { instance: turned, label: "sneakers" })]);
    expect(all(splits)).toHaveLength(base.length);
    expect(splits.calibration.filter(({ source }) => source === "truth")).toMatchObject([
      { at: one.at, label: "sneakers" },
    ]);
  });

  it("says of a row that is held out now, and was trained on before, that it was", async () => {
    const { train: trained, validation } = await assignSplits(storefront, base);
    const splits = await mixSamples(storefront, base, [sample(trained[0] as Row), sample(validation[0] as Row)]);
    const moved = splits.calibration.filter(({ source }) => source === "truth");
    expect(moved.map(({ seenBefore = false }) => seenBefore).sort()).toEqual([false, true]);
  });

  it("knows nothing that was asked or labelled later, and nothing without an instance or of another label", async () => {
    const late = { ...(base[0] as Row), at: Date.UTC(2025, 5, 1) };
    const lines: SampleLine[] = [
      sample(late),
      sample({ ...late, at: Date.UTC(2025, 4, 30) }, { id: "b", labelledAt: Date.UTC(2025, 5, 2) }),
      sample({ ...late, at: Date.UTC(2025, 4, 20) }, { id: "c", instance: null }),
      sample({ ...late, at: Date.UTC(2025, 4, 20) }, { id: "d", label: "boats" }),
      { region: "lagoon", id: "e", revision: 9, forgotten: true },
      sample({ ...late, at: Date.UTC(2025, 4, 20) }, { id: "f" }),
    ];
    const splits = await mixSamples(storefront, base, lines, Date.UTC(2025, 5, 1));
    expect(all(splits).filter(({ source }) => source !== undefined)).toHaveLength(1);
  });

  it("takes the origin's labels for training alone, at their weight, and not at all where the policy says 0", async () => {
    const other = { ...(base[0] as Row), at: Date.UTC(2025, 0, 1) };
    const lines = [
      sample(other, { source: "origin", split: "train" }),
      sample({ ...other, at: other.at + day }, { id: "2", source: "origin", split: "validation" }),
    ];
    const splits = await mixSamples(origin, base, lines);
    expect(all(splits).filter(({ source }) => source === "origin")).toMatchObject([{ weight: 0.25 }]);
    expect(all(await mixSamples(storefront, base, lines))).toHaveLength(base.length);
  });
});

describe("comparing", () => {
  it("lets a version through that knows more, refuses one that knows less, and looks at every region", async () => {
    const recipe = { ...storefront, training: { ...storefront.training, epochs: 6 } };
    const less = await train(recipe, { before: "2024-02-15", backend: "wasm" });
    const more = await train(recipe, { backend: "wasm" });
    const splits = await assignSplits(recipe, await recipe.load({}));
    const contender = ({ draft, blobs }: typeof less) => ({ spec: draft.thin, read: readFrom(blobs) });
    const forward = await compareVersions(recipe, splits, contender(less), contender(more));
    expect(forward).toMatchObject({ promoted: true, questions: splits.validation.length });
    expect(forward.difference).toBeLessThan(0);
    expect(Object.keys(forward.byRegion)).toHaveLength(12);
    const back = await compareVersions(recipe, splits, contender(more), contender(less));
    expect(back).toMatchObject({ promoted: false });
    expect(back.difference).toBeCloseTo(-forward.difference, 9);
    const seen = { validation: splits.validation.map((row, i) => ({ ...row, seenBefore: i % 2 === 0 })) };
    expect((await compareVersions(recipe, seen, contender(less), contender(more))).questions).toBe(
      Math.floor(splits.validation.length / 2),
    );
  });
});

describe("samples on the origin's disk", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "upriver-samples-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const row: Row = { region: "lagoon", instance: { hour: 1 }, label: "umbrella", at: 0 };
  const line = (id: string, revision: number, label = "umbrella") => sample(row, { id, revision, label });

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

  it("come page by page, each once, the last state of each, and go on where they were", async () => {
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

  it("lose nothing and double nothing where the origin is killed at any byte of a write", async () => {
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

  it("that were forgotten are gone from the disk, too", async () => {
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
});
