import { execFile } from "node:child_process";
import { constants, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { copyFile, mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { release } from "#core/release.ts";
import { readJson } from "../local/read-json.ts";
import { isRunning, isStopped, type Mark, markOf, removeMarks, writeMarks } from "./marks.ts";
import { runningIn, workerdIn } from "./running.ts";
import { pathsOf, readNode } from "./state.ts";

export const backupFormat = "upriver-node-backup/1";
/** The file of a backup that says what it is. */
export const backupFile = "backup.json";
const archive = /\.(tar|tar\.gz|tgz)$/;
const pollMs = 1;
const stopTimeoutMs = 5_000;
/** A file that was written so shortly before it was looked at may have been written again within the same tick. */
const racyMs = 1_000;

/** What a backup is of. */
export interface Backup {
  format: string;
  node: string;
  /** Its moment, ms since 1970: what was answered before is in it. */
  at: number;
  version: string;
}

export interface BackupResult extends Backup {
  path: string;
  files: number;
  bytes: number;
  /** How long the node stood still, ms; 0 where it did not run. */
  pausedMs: number;
}

interface Copied {
  size: number;
  mtimeMs: number;
  ctimeMs: number;
  /** When it was looked at. */
  at: number;
}

/**
 * Copies a node's folder at one moment, to a folder or an archive that does not exist yet. While the node runs, everything is
 * copied once; then workerd stands still, and what has changed meanwhile is copied again.
 */
export async function backUp(data: string, target: string): Promise<BackupResult> {
  const state = await readNode(data);
  if (!state) throw new Error(`There is no node in ${data}. Name its folder with --data.`);
  if (existsSync(target)) throw new Error(`${target} exists. Name a file or folder that does not exist yet.`);
  const making = `${resolve(target)}.making-${process.pid}`;
  const paths = pathsOf(data);
  const end = await holdBackup(paths.backup);
  try {
    await mkdir(join(making, "objects"), { recursive: true, mode: 0o700 });
    const workerd = await workerdOf(data);
    const copied = new Map<string, Copied>();
    const copy = () => copyChanged(paths.objects, join(making, "objects"), copied);
    let at = Date.now();
    let pausedMs = 0;
    copy();
    if (workerd) {
      const begins = performance.now();
      await standingStill(workerd, () => {
        at = Date.now();
        copy();
      });
      pausedMs = performance.now() - begins;
    }
    await copyFile(paths.state, join(making, "node.json"));
    const backup: Backup = { format: backupFormat, node: state.id, at, version: release };
    await writeFile(join(making, backupFile), JSON.stringify(backup), { mode: 0o600 });
    await finish(making, resolve(target));
    const bytes = [...copied.values()].reduce((sum, { size }) => sum + size, 0);
    return { ...backup, path: target, files: copied.size, bytes, pausedMs };
  } finally {
    for (const left of [making, `${making}.tar`]) await rm(left, { recursive: true, force: true });
    await end();
  }
}

/** Marks the folder as one that is backed up, so that no other backup begins, and a node wakes if this process is killed. */
async function holdBackup(path: string): Promise<() => Promise<void>> {
  const other = await readJson<Mark>(path);
  if (other && (await isRunning(other))) {
    throw new Error(`A backup of this node is under way (process ${other.pid}). Start this one when it is done.`);
  }
  await writeMarks(path, (await markOf(process.pid)) as Mark);
  return () => removeMarks(path);
}

/** Returns the workerd to stop; null where the node does not run. */
async function workerdOf(data: string): Promise<Mark | null> {
  const workerd = await workerdIn(data);
  if (!workerd && (await runningIn(data))) throw new Error("The node is starting. Back it up once it runs.");
  if (workerd && process.platform !== "linux") {
    throw new Error("Only Linux can copy a node while it runs. Stop it, back it up, and start it again.");
  }
  return workerd;
}

/** Runs `work` while a process stands still. It goes on whatever happens here; its node wakes it where this process is killed. */
async function standingStill({ pid }: Mark, work: () => void): Promise<void> {
  const goOn = () => process.kill(pid, "SIGCONT");
  const onSignal = () => {
    goOn();
    process.exit(1);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, onSignal);
  process.kill(pid, "SIGSTOP");
  try {
    const until = Date.now() + stopTimeoutMs;
    // A signal takes effect once a write that is under way has ended.
    while (!(await isStopped(pid))) {
      if (Date.now() > until) throw new Error(`workerd (process ${pid}) does not stand still. Try again later.`);
      await setTimeout(pollMs);
    }
    work();
  } finally {
    goOn();
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.removeListener(signal, onSignal);
  }
}

/**
 * Copies the files that are new or have changed since `copied`, and deletes copies of those that are gone. Synchronous, since
 * the node may stand still meanwhile: of thousands of files, asking the system takes a tenth of the time.
 */
function copyChanged(from: string, to: string, copied: Map<string, Copied>): void {
  const found = new Set<string>();
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    // An index of the log, which SQLite makes again when it opens it.
    if (!entry.isFile() || entry.name.endsWith("-shm")) continue;
    const path = relative(from, join(entry.parentPath, entry.name));
    found.add(path);
    copyIfChanged(join(from, path), join(to, path), copied, path);
  }
  for (const path of [...copied.keys()].filter((known) => !found.has(known))) {
    rmSync(join(to, path), { force: true });
    copied.delete(path);
  }
}

function copyIfChanged(from: string, to: string, copied: Map<string, Copied>, path: string): void {
  const at = Date.now();
  const found = statSync(from, { throwIfNoEntry: false });
  // It was deleted meanwhile: the second look says so.
  if (!found) return;
  const { size, mtimeMs, ctimeMs } = found;
  const known = copied.get(path);
  const isSame = known?.size === size && known.mtimeMs === mtimeMs && known.ctimeMs === ctimeMs;
  if (isSame && known.at - mtimeMs > racyMs) return;
  mkdirSync(dirname(to), { recursive: true });
  try {
    copyFileSync(from, to, constants.COPYFILE_FICLONE);
  } catch (error) {
    if (existsSync(from)) throw error;
    return;
  }
  copied.set(path, { size, mtimeMs, ctimeMs, at });
}

/** Moves what was copied to its place, once it is on the disk. */
async function finish(making: string, target: string): Promise<void> {
  if (!archive.test(target)) {
    for (const entry of readdirSync(making, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) await sync(join(entry.parentPath, entry.name));
    }
    return rename(making, target);
  }
  const packed = `${making}.tar`;
  // It holds secrets; tar keeps the mode of a file that exists.
  await writeFile(packed, "", { mode: 0o600 });
  const compress = target.endsWith(".tar") ? [] : ["-z"];
  await promisify(execFile)("tar", ["-c", ...compress, "-f", packed, "-C", making, "."]);
  await sync(packed);
  await rename(packed, target);
}

async function sync(path: string): Promise<void> {
  const file = await open(path);
  await file.sync();
  await file.close();
}
