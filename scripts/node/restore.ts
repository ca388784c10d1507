import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { cp, mkdir, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { readJson } from "../local/read-json.ts";
import { type Backup, backupFile, backupFormat } from "./backup.ts";
import { workerdIn } from "./running.ts";

/** Makes a node's folder of a backup. Throws where the folder is in use or has anything in it. */
export async function restoreNode(backup: string, data: string): Promise<Backup> {
  if (await workerdIn(data)) throw new Error(`A node runs in ${data}. Name a folder that does not exist yet.`);
  if ((await entriesOf(data)).length > 0) {
    throw new Error(`${data} is not empty: nothing was restored. Name a folder that does not exist yet.`);
  }
  const making = `${resolve(data)}.restoring-${process.pid}`;
  try {
    await mkdir(making, { recursive: true, mode: 0o700 });
    if ((await stat(backup)).isDirectory()) {
      await cp(backup, making, { recursive: true, mode: constants.COPYFILE_FICLONE });
    } else {
      await promisify(execFile)("tar", ["-xf", backup, "-C", making]).catch(() => {
        throw new Error(`${backup} is no archive that 'tar' can read. Name what 'npx upriver node backup' made.`);
      });
    }
    const found = await describe(making, backup);
    await rm(join(making, backupFile));
    await rmdir(data).catch(() => {});
    await rename(making, data);
    return found;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

async function describe(folder: string, backup: string): Promise<Backup> {
  const found = await readJson<Backup>(join(folder, backupFile));
  if (found?.format === backupFormat) return found;
  throw new Error(
    `${backup} is no backup of a node that this version can read. Name what 'npx upriver node backup' made.`,
  );
}

async function entriesOf(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
}
