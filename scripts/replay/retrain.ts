import type { RegionRun, UpriverClient } from "#client/index.ts";

const atOnce = 4;
const waitSeconds = 60;
/** How long one region may take. */
const retrainWaitMs = 15 * 60_000;

/** Retrains regions, a few at a time, each to the end; `at` is the data time, now when undefined. */
export async function retrainAll(
  client: UpriverClient,
  model: string,
  regions: readonly string[],
  at: number | undefined,
  onDone: (done: number) => void = () => {},
): Promise<RegionRun[]> {
  const runs: RegionRun[] = [];
  const left = [...regions];
  const work = async () => {
    for (let region = left.shift(); region !== undefined; region = left.shift()) {
      runs.push(await retrainOne(client, model, region, at));
      onDone(runs.length);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return runs.sort((a, b) => a.region.localeCompare(b.region));
}

/** Retrains one region, to the end. */
export async function retrainOne(
  client: UpriverClient,
  model: string,
  region: string,
  at: number | undefined,
): Promise<RegionRun> {
  const deadline = Date.now() + retrainWaitMs;
  while (Date.now() < deadline) {
    const run = await client.retrain(model, region, { waitSeconds, ...(at === undefined ? {} : { at }) });
    if (run.status !== "running") return run;
  }
  throw new Error(`Error in retrain: region '${region}' does not come to an end; its log, the edge's, says why.`);
}
