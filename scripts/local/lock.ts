import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The ladder that runs in a folder. */
interface RunningLadder {
  pid: number;
  edge: string;
}

/** Marks a folder as that of a running ladder. Throws, saying where it runs, if there is one. Returns what ends the mark. */
export function lockFolder(folder: string, edge: string): () => void {
  const path = join(folder, ".upriver", "running.json");
  mkdirSync(join(folder, ".upriver"), { recursive: true });
  const lock: RunningLadder = { pid: process.pid, edge };
  try {
    writeFileSync(path, JSON.stringify(lock), { flag: "wx" });
  } catch {
    const other = readLock(path);
    if (other && isAlive(other.pid)) {
      throw new Error(
        `Upriver already runs in ${folder}: ${other.edge} (process ${other.pid}). Stop it there with Ctrl-C, or use ` +
          "another folder: UPRIVER_FOLDER=<folder>.",
      );
    }
    // It was killed.
    writeFileSync(path, JSON.stringify(lock));
  }
  const unlock = () => {
    if (readLock(path)?.pid === process.pid) rmSync(path, { force: true });
  };
  process.once("exit", unlock);
  return unlock;
}

function readLock(path: string): RunningLadder | null {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process may not be signalled, but it is there.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
