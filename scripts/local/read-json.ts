import { readFile } from "node:fs/promises";

/** Reads what a JSON file holds; null where there is none that can be read. */
export async function readJson<T>(path: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as T;
  } catch {
    return null;
  }
}
