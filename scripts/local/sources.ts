import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const isSource = (file: string) => /\.(tsx?|css|html|svg|json)$/.test(file) && !/(^|\/)\.?dist/.test(file);

/** Hashes the source files in folders, with other files, so that what is built from them is built once. */
export async function hashOfSources(folders: readonly string[], others: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const folder of folders) {
    const files = (await readdir(folder, { recursive: true })).filter(isSource).sort();
    for (const file of files) hash.update(file).update(await readFile(join(folder, file)));
  }
  for (const file of others) hash.update(await readFile(file));
  return hash.digest("hex");
}
