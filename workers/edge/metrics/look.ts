import { regionObject, registryObject, reviewObject } from "../../../durable-objects/stubs.ts";
import type { Ladder, ModelLadder, RegionCounts } from "../../core/contract/index.ts";
import { costsOf } from "../../core/cost.ts";
import { sumCounts } from "../../core/counts.ts";
import { limits } from "../../core/limits.ts";
import { mayUseModel, mayUseRegion } from "../../core/tokens.ts";
import { manifestOf, modelNames } from "../artefacts/models.ts";
import type { Call } from "../call.ts";
import { inTime } from "./in-time.ts";

/** Looks at every rung: what the registries and the regions have counted, and whether the next rung answers. */
export async function ladderOf(call: Call): Promise<Ladder> {
  const names = await modelNames(call.env);
  const mine = names.filter((name) => call.token && mayUseModel(call.token, name));
  const [nextRung, models] = await Promise.all([
    lookAbove(call.env),
    Promise.all(mine.map((model) => modelLadder(call, model))),
  ]);
  const served = models.filter((model) => model !== null);
  return { node: call.node.id, at: Date.now(), nextRung, models: served };
}

async function modelLadder(call: Call, model: string): Promise<ModelLadder | null> {
  const { env, token } = call;
  const registry = registryObject(env, model);
  const pointer = await registry.pointer();
  if (pointer.stable === null) return null;
  const manifest = await manifestOf(call, model, pointer.stable);
  const mayUse = (region: string) => region === "" || (token !== null && mayUseRegion(token, region));
  const regions = (await registry.regions()).filter(mayUse);
  const [edge, waiting, looks] = await Promise.all([
    registry.counts(),
    reviewObject(env, model).size(),
    Promise.all(regions.map((region) => inTime(regionObject(env, model, region).counts()))),
  ]);
  const seen = looks.filter((look) => look !== null);
  const above = seen.flatMap(({ region, versions }) => versions.map((version) => ({ region, ...version })));
  const counts: RegionCounts[] = [...edge.filter(({ region }) => mayUse(region)), ...above];
  const isClassifier = manifest.task === "classify";
  const ladder = isClassifier ? manifest.policy.ladder : (["edge"] as const);
  return {
    model,
    task: manifest.task,
    pointer,
    ladder: [...ladder],
    targetRisk: isClassifier ? manifest.thin.rule.targetRisk : null,
    counts,
    regions: seen.map(({ region, open, breaker }) => ({ region, open, breaker })),
    unanswered: regions.filter((_, i) => looks[i] === null),
    waiting,
    costs: costsOf(ladder, sumCounts(counts.map((row) => row.counts))),
  };
}

async function lookAbove(env: Env): Promise<Ladder["nextRung"]> {
  if (env.NEXT_RUNG_URL === "") return null;
  const startedAt = Date.now();
  try {
    const response = await fetch(`${env.NEXT_RUNG_URL}/healthz`, { signal: AbortSignal.timeout(limits.lookTimeoutMs) });
    await response.body?.cancel();
    const reason = response.ok ? null : `It answers with status ${response.status}.`;
    return { up: response.ok, ms: Date.now() - startedAt, reason };
  } catch (error) {
    return { up: false, ms: Date.now() - startedAt, reason: `It does not answer: ${String(error)}` };
  }
}
