import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { checkBlob } from "#core/artefacts.ts";
import type { Artefact, ManifestDraft } from "./index.ts";

const draftFile = "draft.json";
const blobFolder = "blobs";

/** Writes an artefact into a folder: `draft.json`, and each blob under its hash. */
export async function saveArtefact(folder: string, { draft, blobs }: Artefact): Promise<void> {
  await mkdir(join(folder, blobFolder), { recursive: true });
  for (const [sha256, bytes] of blobs) await writeFile(join(folder, blobFolder, sha256), bytes);
  await writeFile(join(folder, draftFile), JSON.stringify(draft, null, 2));
}

/** Reads an artefact back, every blob verified. */
export async function loadArtefact(folder: string): Promise<Artefact> {
  const text = await readFile(join(folder, draftFile), "utf8").catch((cause) => {
    const next = "'npx upriver train <recipe>' makes one.";
    throw new Error(`Error in loadArtefact: no trained model in ${folder}. ${next}`, { cause });
  });
  const draft: ManifestDraft = JSON.parse(text);
  const blobs: Artefact["blobs"] = new Map();
  for (const sha256 of await readdir(join(folder, blobFolder))) {
    const file = await readFile(join(folder, blobFolder, sha256));
    blobs.set(sha256, new Uint8Array(await checkBlob({ sha256 }, new Uint8Array(file).buffer)));
  }
  return { draft, blobs };
}
