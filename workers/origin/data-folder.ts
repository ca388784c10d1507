import { basename, dirname, join, resolve } from "node:path";
import { listIfPresent } from "./disk.ts";
import { isFromVersion01 } from "./learn/sample-store.ts";
import { SetupError } from "./setup-error.ts";

/** Throws `SetupError` when the origin's data folder holds state that version 0.1 wrote: its trainings or its samples. */
export async function checkDataFolder(folder: string): Promise<void> {
  const hasJobs = (await listIfPresent(join(folder, "jobs"))).length > 0;
  if (!hasJobs && !(await hasOldSamples(join(folder, "samples")))) return;
  const isLocal = basename(dirname(resolve(folder))) === ".upriver";
  const remedy = isLocal ? "run 'npm run reset'" : `delete ${folder}`;
  throw new SetupError(
    `The data in ${folder} was written by Upriver 0.1, which this version cannot read: ${remedy}, then start again.`,
  );
}

async function hasOldSamples(folder: string): Promise<boolean> {
  for (const model of await listIfPresent(folder)) {
    if (await isFromVersion01(join(folder, model))) return true;
  }
  return false;
}
