import { readdir, readFile } from "node:fs/promises";

/** Reads a file; null when it does not exist. Throws for any other failure, which says nothing about the content. */
export function readIfPresent(path: string): Promise<Buffer | null> {
  return readFile(path).catch((cause) => orWhenMissing(path, null, cause));
}

/** Lists the names in a folder; none when it does not exist. */
export function listIfPresent(folder: string): Promise<string[]> {
  return readdir(folder).catch((cause) => orWhenMissing(folder, [], cause));
}

function orWhenMissing<T>(path: string, fallback: T, cause: NodeJS.ErrnoException): T {
  if (cause.code === "ENOENT") return fallback;
  const reason = cause.code ?? cause.message;
  throw new Error(`Cannot read ${path} (${reason}). Check the disk and the permissions, then try again.`, { cause });
}
