import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

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

/** The codes of a disk that takes no data: it is full, or may not be written. */
const fullCodes = new Set(["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EFBIG"]);

/** Whether an error says that the disk takes no data. */
export function isDiskFull(error: unknown): boolean {
  return fullCodes.has((error as NodeJS.ErrnoException | null)?.code ?? "");
}

const probeBytes = 1024 * 1024;
const probeEveryMs = 10_000;

/** Whether an origin can train, and if not, why and what to do. It answers questions in any case. */
export interface TrainingReadiness {
  ready: boolean;
  reason: string | null;
  next: string | null;
}

/** Finds out whether a folder's disk takes data: by writing some, at most every ten seconds. */
export class DiskProbe {
  private readonly folder: string;
  private known: { at: number; readiness: Promise<TrainingReadiness> } | null = null;

  constructor(folder: string) {
    this.folder = folder;
  }

  readiness(now = performance.now()): Promise<TrainingReadiness> {
    if (!this.known || now - this.known.at > probeEveryMs) this.known = { at: now, readiness: this.write() };
    return this.known.readiness;
  }

  private async write(): Promise<TrainingReadiness> {
    const path = join(this.folder, `.probe-${process.pid}`);
    try {
      await mkdir(this.folder, { recursive: true });
      await writeFile(path, new Uint8Array(probeBytes));
      return { ready: true, reason: null, next: null };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      return { ready: false, reason: `The disk of ORIGIN_DATA takes no data (${code}).`, next: freeSpace };
    } finally {
      await rm(path, { force: true }).catch(() => {});
    }
  }
}

/** What to do about a full disk. */
export const freeSpace =
  "Free space in the origin's data folder (its blobs are a cache that may be deleted), let its user write there, or point ORIGIN_DATA at another disk. Then order or restart the training. Questions are answered meanwhile.";
