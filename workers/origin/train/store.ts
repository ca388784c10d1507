import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { checkBlob } from "#core/artefacts.ts";
import { readIfPresent } from "../disk.ts";
import type { Artefact, ManifestDraft } from "./index.ts";

const draftFile = "draft.json";
const blobFolder = "blobs";

/** Writes an artefact into a folder: `draft.json`, and each blob as a file named by its hash. */
export async function saveArtefact(folder: string, { draft, blobs }: Artefact): Promise<void> {
  await mkdir(join(folder, blobFolder), { recursive: true });
  for (const [sha256, bytes] of blobs) await writeFile(join(folder, blobFolder, sha256), bytes);
  await writeFile(join(folder, draftFile), JSON.stringify(draft, null, 2));
}

/** Reads an artefact from a folder and verifies every blob. Throws when there is none, or version 0.1 wrote it. */
export async function loadArtefact(folder: string): Promise<Artefact> {
  const text = await readIfPresent(join(folder, draftFile));
  if (text === null) {
    throw new Error(`There is no trained model in ${folder}. Train one with 'npx upriver train <recipe>'.`);
  }
  const draft: ManifestDraft = JSON.parse(text.toString("utf8"));
  if (draft.format !== "upriver/2") {
    throw new Error(
      `The trained model in ${folder} was written by Upriver 0.1, which this version cannot read. Train it again with ` +
        "'npx upriver train <recipe>'.",
    );
  }
  const blobs: Artefact["blobs"] = new Map();
  for (const sha256 of await readdir(join(folder, blobFolder))) {
    const file = await readFile(join(folder, blobFolder, sha256));
    blobs.set(sha256, new Uint8Array(await checkBlob({ sha256 }, new Uint8Array(file).buffer)));
  }
  return { draft, blobs };
}
