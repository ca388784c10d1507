import { groupPlanOf, isGrouped } from "#core/confidence/group.ts";
import type {
  CanaryState,
  Ladder,
  ModelLadder,
  ModelPointer,
  ModelSpending,
  NodeRecord,
  PassedSpending,
  RegionCounts,
  RungName,
} from "#core/contract/index.ts";
import { sumCounts } from "#core/counts.ts";
import { ladderRungs } from "#core/ladder-rungs.ts";
import { hasPrice } from "#core/rung/external/ladder.ts";
import { isUnlimited, mayUseModel, mayUseRegion } from "#core/tokens.ts";
import { regionObject, registryObject, reviewObject, tokensObject } from "#objects/stubs.ts";
import { manifestOf, modelNames } from "../artefacts/models.ts";
import { type Call, limitedRegions, ownPointer } from "../call.ts";
import { inTime, lookTimeoutMs } from "./in-time.ts";

/** What the objects of a model report. */
export interface ModelLook {
  model: string;
  task: ModelLadder["task"];
  pointer: ModelPointer;
  ladder: readonly RungName[];
  targetRisk: number | null;
  group: ModelLadder["group"];
  /** What rungs with a price cost in this month; absent without any, and for a token that is limited to regions. */
  spending?: ModelSpending;
  /** The canary that is watched; null without one, and for a token that is limited to regions. */
  canary: CanaryState | null;
  /** Counts of the edge and of the regions, by region and version. */
  counts: RegionCounts[];
  regions: { region: string; open: number; breaker: "closed" | "open" }[];
  unanswered: string[];
  waiting: number;
}

/** What every rung reports at one moment. */
export interface Look {
  nextRung: Ladder["nextRung"];
  models: ModelLook[];
  /** What passing decisions on costs in this month; absent without a budget, and for a token that is limited to some models. */
  passed?: PassedSpending;
  /** The nodes under this rung; absent without any, and for a token that is limited to some models or regions. */
  nodes?: NodeRecord[];
}

/** Collects the counts of registries and regions, and checks whether the next rung responds. */
export async function look(call: Call): Promise<Look> {
  const names = await modelNames(call.env);
  const mine = names.filter((name) => call.token && mayUseModel(call.token, name));
  const isPassing = call.token !== null && mayUseModel(call.token, "*");
  const isAll = call.token !== null && isUnlimited(call.token);
  const [nextRung, models, passed, nodes] = await Promise.all([
    lookAbove(call.env),
    Promise.all(mine.map((model) => lookAtModel(call, model))),
    isPassing ? (call.node.passing?.state(call.env) ?? null) : null,
    isAll ? inTime(tokensObject(call.env).nodes()) : null,
  ]);
  const seen = models.filter((model) => model !== null);
  return { nextRung, models: seen, ...(passed ? { passed } : {}), ...(nodes?.length ? { nodes } : {}) };
}

/** Sums the counts of a look, and derives the ladder's figures. */
export function ladderOf({ models, ...rest }: Look): Pick<Ladder, "nextRung" | "models" | "passed" | "nodes"> {
  return { ...rest, models: models.map(modelLadder) };
}

function modelLadder({ counts, regions, ladder, canary: _, ...rest }: ModelLook): ModelLadder {
  const sum = sumCounts(counts.map((row) => row.counts));
  const { requests, questions, labels } = sum;
  return {
    ...rest,
    ...{ requests, questions, labels },
    unlisted: sum.unlisted ?? 0,
    rungs: ladderRungs(ladder, sum),
    open: regions.reduce((total, { open }) => total + open, 0),
    breakersOpen: regions.flatMap(({ region, breaker }) => (breaker === "open" ? [region] : [])),
  };
}

async function lookAtModel(call: Call, model: string): Promise<ModelLook | null> {
  const { env, token } = call;
  const registry = registryObject(env, model);
  const pointer = ownPointer(call, await registry.pointer());
  if (pointer.stable === null) return null;
  const manifest = await manifestOf(call, model, pointer.stable);
  const mayUse = (region: string) => region === "" || (token !== null && mayUseRegion(token, region));
  const regions = (await registry.regions()).filter(mayUse);
  // What is about all regions together would tell about those that the token may not use.
  const mayUseAll = mayUse("*");
  const isGroup = manifest.task !== "tensor" && isGrouped(manifest.policy.regions) && mayUseAll;
  const isCounted = manifest.task !== "tensor" && mayUseAll && hasPrice(manifest.policy);
  const usdPerMonth = manifest.task === "tensor" ? null : (manifest.policy.budget?.usdPerMonth ?? null);
  const [edge, canary, group, spending, waiting, looks] = await Promise.all([
    registry.counts(),
    mayUseAll ? registry.canary() : null,
    isGroup ? registry.groupState(pointer.stable, groupPlanOf(manifest)) : null,
    isCounted ? registry.spending(usdPerMonth) : null,
    reviewObject(env, model).size(limitedRegions(call)),
    Promise.all(regions.map((region) => inTime(regionObject(env, model, region).counts()))),
  ]);
  const seen = looks.filter((found) => found !== null);
  const above = seen.flatMap(({ region, versions }) => versions.map((version) => ({ region, ...version })));
  const isLearning = manifest.task !== "tensor";
  return {
    ...{ model, task: manifest.task, pointer, group, waiting },
    ...(spending ? { spending } : {}),
    canary: canary?.outcome === null ? canary : null,
    ladder: isLearning ? manifest.policy.ladder : ["edge"],
    targetRisk: isLearning ? manifest.thin.rule.targetRisk : null,
    counts: [...edge.filter(({ region }) => mayUse(region)), ...above],
    regions: seen.map(({ region, open, breaker }) => ({ region, open, breaker })),
    unanswered: regions.filter((_, i) => looks[i] === null),
  };
}

async function lookAbove(env: Env): Promise<Ladder["nextRung"]> {
  if (env.NEXT_RUNG_URL === "") return null;
  const startedAt = Date.now();
  try {
    const response = await fetch(`${env.NEXT_RUNG_URL}/healthz`, {
      ...{ redirect: "manual", signal: AbortSignal.timeout(lookTimeoutMs) },
    });
    await response.body?.cancel();
    const reason = response.ok ? null : `The next rung responds with status ${response.status}.`;
    return { up: response.ok, ms: Date.now() - startedAt, reason };
  } catch (error) {
    return { up: false, ms: Date.now() - startedAt, reason: `The next rung does not respond: ${String(error)}` };
  }
}
