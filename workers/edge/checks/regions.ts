import type { Finding, HeadManifest, Manifest, ModelPointer } from "#core/contract/index.ts";
import { own } from "#core/own.ts";
import type { RegionSummary } from "#objects/region/api.ts";
import type { ServedHead } from "#objects/registry/api.ts";
import { lacksMethod, regionObject, registryObject } from "#objects/stubs.ts";
import { type Call, ownRegions } from "../call.ts";
import { faulty, sound } from "./finding.ts";
import { checkHeadBlobs, checkHeads } from "./heads.ts";
import { checkLabels } from "./labels.ts";

/** Checks the regions of a model: their health, labels and heads. */
export async function checkRegions(
  call: Call,
  { model, stable, heldBack }: ModelPointer,
  manifest?: Manifest,
): Promise<Finding[]> {
  if (!manifest || manifest.task === "tensor") return [];
  const { env, node } = call;
  const baseOf = (region: string) => own(heldBack, region) ?? (stable as number);
  const known = new Map((await servedHeads(env, model, baseOf)).map((one) => [one.region, one]));
  const states = await Promise.all(
    ownRegions(call, [...known.keys()]).map(async (region) => {
      const { head, isLost } = known.get(region) as ServedHead;
      return { ...(await regionObject(env, model, region).state(baseOf(region))), served: head, isLost };
    }),
  );
  return [
    checkHealth(model, states),
    checkLabels(model, states),
    await checkHeads(node.deploymentKeys, model, states),
    await checkHeadBlobs(env, model, states),
  ];
}

/** A region's state, and the head that answers its questions according to the registry. */
interface CheckedRegion extends RegionSummary {
  served: HeadManifest | null;
  isLost: boolean;
}

async function servedHeads(env: Env, model: string, baseOf: (region: string) => number): Promise<ServedHead[]> {
  const registry = registryObject(env, model);
  try {
    return await registry.servedHeads();
  } catch (error) {
    // A registry of the release before is asked about each region; it tells of no loss.
    if (!lacksMethod(error)) throw error;
    const names = await registry.regions();
    return Promise.all(
      names.map(async (region) => {
        const { head } = await registry.headPointer(baseOf(region), region);
        return { region, head, isLost: false };
      }),
    );
  }
}

function checkHealth(model: string, states: readonly CheckedRegion[]): Finding {
  const check = `${model}: regions`;
  const failed = states.filter(({ lastRun }) => lastRun?.status === "failed").map(({ region }) => region);
  if (failed.length > 0) {
    const remedy = `Find the reason under 'job-failed' in the log, then run: npx upriver retrain ${model} --region ${failed[0]}.`;
    return faulty(check, `the last retrain failed in ${failed.join(", ")}`, remedy);
  }
  const open = states.filter(({ breaker }) => breaker === "open").map(({ region }) => region);
  if (open.length > 0) {
    const found = `the circuit breaker for the next rung is open in ${open.join(", ")}`;
    return faulty(check, found, "Fix the next rung. The regions try again by themselves.");
  }
  return sound(check, `${states.length}, all healthy`);
}
