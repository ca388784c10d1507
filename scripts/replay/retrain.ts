import type { RegionRun, UpriverClient } from "#client/index.ts";

const atOnce = 4;
const waitSeconds = 60;
/** Longest duration of one retrain. */
const retrainWaitMs = 15 * 60_000;

/** Retrains regions, four at a time, and waits for the end; `at` is the data time, by default now. */
export async function retrainAll(
  client: UpriverClient,
  model: string,
  regions: readonly string[],
  at: number | undefined,
  onDone: (done: number) => void = () => {},
  acceptOwners: string[] = [],
): Promise<RegionRun[]> {
  const runs: RegionRun[] = [];
  const left = [...regions];
  const work = async () => {
    for (let region = left.shift(); region !== undefined; region = left.shift()) {
      runs.push(await retrainOne(client, model, region, at, acceptOwners));
      onDone(runs.length);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return runs.sort((a, b) => a.region.localeCompare(b.region));
}

/** Retrains one region and waits for the end. */
export async function retrainOne(
  client: UpriverClient,
  model: string,
  region: string,
  at: number | undefined,
  acceptOwners: string[] = [],
): Promise<RegionRun> {
  const deadline = Date.now() + retrainWaitMs;
  while (Date.now() < deadline) {
    const run = await client.retrain(model, region, { waitSeconds, acceptOwners, ...(at === undefined ? {} : { at }) });
    if (run.status !== "running") return run;
  }
  throw new Error(
    `The retrain of region '${region}' did not finish within ${retrainWaitMs / 60_000} minutes. Read the edge's log.`,
  );
}
