import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Training } from "#core/contract/index.ts";
import { TrainingStore } from "#origin/trainings/store.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-trainings-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const training = (id: string, createdAt: string): Training => ({
  ...{ id, createdAt, model: "shop", state: "done", step: "watch", order: { reason: "order", gate: true } },
  ...{ endedAt: null, progress: null, samples: null, verdict: null, version: 1, reason: null },
});

describe("the store of trainings", () => {
  it("reads what was saved, the oldest first", async () => {
    const store = new TrainingStore(join(folder, "saved"));
    const [late, early] = [training("b", "2026-02-01T00:00:00Z"), training("a", "2026-01-01T00:00:00Z")];
    await Promise.all([store.save(late), store.save(early)]);
    expect(await store.all()).toEqual([early, late]);
    expect(JSON.parse(await readFile(join(store.folderOf(early), "training.json"), "utf8"))).toEqual(early);
  });

  it("is empty when its folder does not exist, and has no report before one is written", async () => {
    const store = new TrainingStore(join(folder, "none"));
    expect(await store.all()).toEqual([]);
    expect(await store.report({ id: "a" })).toBeNull();
  });

  it("throws when its folder, a record or a report cannot be read", async () => {
    await writeFile(join(folder, "a-file"), "");
    await expect(new TrainingStore(join(folder, "a-file")).all()).rejects.toThrow("Cannot read");
    const store = new TrainingStore(join(folder, "unreadable"));
    await mkdir(join(folder, "unreadable", "a", "training.json"), { recursive: true });
    await mkdir(join(folder, "unreadable", "a", "report.html"));
    await expect(store.all()).rejects.toThrow("training.json (EISDIR). Check the disk");
    await expect(store.report({ id: "a" })).rejects.toThrow("report.html (EISDIR)");
  });

  it.each(["{", '{"id":"a"}'])("names the folder to delete when a record is damaged: %s", async (text) => {
    const path = join(folder, `damaged-${text.length}`);
    await mkdir(join(path, "a"), { recursive: true });
    await writeFile(join(path, "a", "training.json"), text);
    await expect(new TrainingStore(path).all()).rejects.toThrow(`Delete the folder ${join(path, "a")}`);
  });
});
