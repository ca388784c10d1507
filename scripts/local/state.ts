import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { resetCommand, startCommand } from "./process.ts";

/** The format of everything that the local ladder stores; a change of it needs a migration. */
const stateFormat = "upriver/2";
/** First line of a `.dev.vars` that npm start made, and that a reset may therefore delete. */
export const devVarsMark = "# Made by npm start.";

const probeTimeoutMs = 3_000;

/** What a reset deleted, and what it kept, as paths within the folder. */
interface ResetResult {
  deleted: string[];
  kept: string[];
}

/** The file with the tokens and addresses of a folder's ladder. */
export function credentialsPath(folder: string): string {
  return join(folder, ".upriver", "credentials.json");
}

/** Marks a folder's state as written by this version. */
export async function markState(folder: string): Promise<void> {
  await mkdir(join(folder, ".upriver"), { recursive: true });
  await writeFile(formatPath(folder), `${stateFormat}\n`);
}

/** Throws when another version wrote the state in a folder; state that this version can read, or none, is fine. */
export async function checkState(folder: string): Promise<void> {
  const format = await readIfPresent(formatPath(folder));
  if (format?.trim() === stateFormat) return;
  const vars = await readIfPresent(join(folder, ".dev.vars"));
  const isOld = existsSync(credentialsPath(folder)) || /^FOLD_SECRET=/m.test(vars ?? "") || hasObjects(folder);
  if (format === null && !isOld) return;
  const writer = format === null ? "Upriver 0.1" : `another version of Upriver (${format.trim()})`;
  throw new Error(
    `The local state in ${folder} was written by ${writer}, which this version cannot read. ` +
      `Run '${resetCommand}' to delete it, then '${startCommand}'.`,
  );
}

/** Deletes the state of a folder's ladder. Throws when the ladder is running. */
export async function resetState(folder: string, onProgress: (line: string) => void = () => {}): Promise<ResetResult> {
  if (await isRunning(folder)) {
    throw new Error(`A ladder is running on ${folder}. Stop it with Ctrl-C, then run '${resetCommand}' again.`);
  }
  const vars = await readIfPresent(join(folder, ".dev.vars"));
  const isOwnVars = vars !== null && !vars.startsWith(devVarsMark);
  const found = [".upriver", join(".wrangler", "state"), ...(isOwnVars ? [] : [".dev.vars"])];
  const deleted = found.filter((path) => existsSync(join(folder, path)));
  for (const path of deleted) {
    onProgress(`deleting ${path}`);
    await rm(join(folder, path), { recursive: true, force: true });
  }
  return { deleted, kept: isOwnVars ? [".dev.vars"] : [] };
}

// Only the ladder of this folder accepts this folder's tokens.
async function isRunning(folder: string): Promise<boolean> {
  const text = await readIfPresent(credentialsPath(folder));
  if (text === null) return false;
  const { edge, tokens } = parseAddress(text);
  return fetch(`${edge}/v1/token`, {
    headers: { authorization: `Bearer ${tokens?.ask}` },
    signal: AbortSignal.timeout(probeTimeoutMs),
  }).then(
    ({ ok }) => ok,
    () => false,
  );
}

// State of any version: of its credentials, what every version has.
function parseAddress(text: string): { edge?: string; tokens?: { ask?: string } } {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function formatPath(folder: string): string {
  return join(folder, ".upriver", "format");
}

function hasObjects(folder: string): boolean {
  return existsSync(join(folder, ".wrangler", "state", "v3", "do"));
}

async function readIfPresent(path: string): Promise<string | null> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
}
