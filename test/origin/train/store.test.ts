import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Artefact } from "#origin/train/index.ts";
import { loadArtefact, saveArtefact } from "#origin/train/store.ts";
import { testModel } from "#test/helpers/model.ts";

let folder: string;
let artefact: Artefact;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-artefact-"));
  const { manifest, blobs } = await testModel();
  const { version: _v, parent: _p, createdAt: _c, signature: _s, ...draft } = manifest;
  artefact = { draft, blobs } as Artefact;
  await saveArtefact(folder, artefact);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("an artefact in a folder", () => {
  it("is read as it was written", async () => {
    const { draft, blobs } = await loadArtefact(folder);
    expect(draft).toEqual(artefact.draft);
    expect([...blobs.keys()].sort()).toEqual([...artefact.blobs.keys()].sort());
  });

  it("is refused when a blob does not have its hash", async () => {
    const [sha256 = ""] = artefact.blobs.keys();
    const path = join(folder, "blobs", sha256);
    const bytes = await readFile(path);
    await writeFile(path, "damaged");
    await expect(loadArtefact(folder)).rejects.toThrow(sha256);
    await writeFile(path, bytes);
  });

  it("is refused with the command that trains it again when version 0.1 wrote it, or when there is none", async () => {
    const path = join(folder, "draft.json");
    await writeFile(path, JSON.stringify({ ...artefact.draft, format: "upriver/1" }));
    await expect(loadArtefact(folder)).rejects.toThrow(/written by Upriver 0\.1.*'npx upriver train <recipe>'/);
    await expect(loadArtefact(join(folder, "none"))).rejects.toThrow(/no trained model.*'npx upriver train <recipe>'/);
  });
});
