import { leftMs } from "#core/clock.ts";
import { groupPlanOf, isGrouped } from "#core/confidence/group.ts";
import type {
  Ladder,
  Manifest,
  ModelLadder,
  ModelPointer,
  ModelSpending,
  NodeRecord,
  PassedSpending,
  Policy,
  RungName,
  UplinkState,
} from "#core/contract/index.ts";
import { usdPerMillion } from "#core/cost/index.ts";
import { sumCounts } from "#core/counts.ts";
import { ladderRungs } from "#core/ladder-rungs.ts";
import type { RegionTotals } from "#core/region-totals.ts";
import { hasPrice } from "#core/rung/external/ladder.ts";
import { isUnlimited, mayUseModel } from "#core/tokens.ts";
import type { WatchedCanary } from "#core/watched-canary.ts";
import type { LookRequest, RegistryLook, SeenRegion } from "#objects/registry/api.ts";
import { lacksMethod, registryObject, reviewObject, tokensObject, uplinkObject } from "#objects/stubs.ts";
import { manifestOf, modelNames } from "../artefacts/models.ts";
import { modelPointer } from "../artefacts/pointers.ts";
import { type Call, limitedRegions, ownPointer } from "../call.ts";
import { inTime, lookTimeoutMs } from "./in-time.ts";
import { lookAtEach } from "./look-each.ts";

/** How long a look may lack a model that another isolate has published. */
const namesFreshMs = 30_000;

/** What the objects of a model report. */
export interface ModelLook {
  model: string;
  task: ModelLadder["task"];
  pointer: ModelPointer;
  ladder: readonly RungName[];
  targetRisk: number | null;
  /** The share of the edge's answers that regions store. */
  keptShare: number;
  group: ModelLadder["group"];
  /** What rungs with a price cost in this month; absent without any, and for a token that is limited to regions. */
  spending?: ModelSpending;
  /** The canary that is watched; null without one, and for a token that is limited to regions. */
  canary: WatchedCanary | null;
  /** Sums over the edge and all regions that the token may use. */
  totals: RegionTotals;
  /** When the last report of a region came; null before the first. */
  asOf: number | null;
  /** The regions that are shown one by one. */
  regions: SeenRegion[];
  /** Regions that have not reported: some by name, and how many. */
  unanswered: string[];
  missing: number;
  breakersOpen: string[];
  waiting: number;
}

/** What every rung reports at one moment. */
export interface Look {
  nextRung: Ladder["nextRung"];
  /** A node's connection to the rung above; absent on an edge, and for a token limited to some models. */
  uplink?: UplinkState;
  models: ModelLook[];
  /** What passing decisions on costs in this month; absent without a budget, and for a token that is limited to some models. */
  passed?: PassedSpending;
  /** The nodes under this rung; absent without any, and for a token that is limited to some models or regions. */
  nodes?: NodeRecord[];
}

/**
 * Collects what the registries know, and checks whether the next rung responds. Of each model, as many regions are shown one by
 * one as `regions` says.
 */
export async function look(call: Call, regions = 0): Promise<Look> {
  const names = await recentNames(call);
  const mine = names.filter((name) => call.token && mayUseModel(call.token, name));
  const isPassing = call.token !== null && mayUseModel(call.token, "*");
  const isAll = call.token !== null && isUnlimited(call.token);
  const [nextRung, models, passed, uplink, nodes] = await Promise.all([
    lookAbove(call.env),
    Promise.all(mine.map((model) => lookAtModel(call, model, regions))),
    isPassing ? (call.node.passing?.state(call.env) ?? null) : null,
    isPassing ? (uplinkObject(call.env)?.state() ?? null) : null,
    isAll ? inTime(tokensObject(call.env).nodes()) : null,
  ]);
  const seen = { nextRung, models: models.filter((model) => model !== null) };
  return {
    ...seen,
    ...(uplink ? { uplink } : {}),
    ...(passed ? { passed } : {}),
    ...(nodes?.length ? { nodes } : {}),
  };
}

/**
 * Lists the models, at most every 30 s: a list costs more than all else of a look. A node's own bucket is free, and it learns of
 * models without this Worker.
 */
async function recentNames({ env, node }: Call): Promise<string[]> {
  const { names: known } = node;
  if (known && leftMs(known.freshUntil, namesFreshMs, Date.now()) > 0) return known.value;
  const value = await modelNames(env);
  if (value.length > 0 && !env.UPLINK) node.names = { value, freshUntil: Date.now() + namesFreshMs };
  return value;
}

/** Sums the counts of a look, and derives the ladder's figures. */
export function ladderOf({ models, ...rest }: Look): Omit<Ladder, "node" | "at"> {
  return { ...rest, models: models.map(modelLadder) };
}

function modelLadder({
  totals,
  regions: _,
  ladder,
  keptShare,
  canary: __,
  missing: ___,
  ...rest
}: ModelLook): ModelLadder {
  const sum = sumCounts(Object.values(totals.counts));
  const { requests, questions, labels } = sum;
  return {
    ...rest,
    ...{ requests, questions, labels },
    usdPerMillion: usdPerMillion(sum, keptShare),
    unlisted: sum.unlisted ?? 0,
    rungs: ladderRungs(ladder, sum),
    open: totals.open,
    regions: totals.regions,
  };
}

async function lookAtModel(call: Call, model: string, limit: number): Promise<ModelLook | null> {
  const only = limitedRegions(call);
  const list = limit > 0 ? { list: { by: "age" as const, limit } } : {};
  // What is asked depends on the version that serves. This isolate knows it, except for some seconds after a rollout.
  const lookOn = async (stable: number | null) => {
    const manifest = stable === null ? null : await manifestOf(call, model, stable);
    const request = { only, ...list, ...(manifest && only === null ? aboutAll(manifest) : {}) };
    return { stable, manifest, seen: await lookAtRegistry(call.env, model, request) };
  };
  const lookOnServed = async () => {
    const near = await modelPointer(call, model).catch(() => null);
    const found = await lookOn(near?.stable ?? null);
    const { stable } = found.seen.pointer;
    return stable === found.stable ? found : lookOn(stable);
  };
  const [{ manifest, seen }, waiting] = await Promise.all([lookOnServed(), reviewObject(call.env, model).size(only)]);
  if (manifest === null) return null;
  const { pointer, canary, spending, next: _, ...rest } = seen;
  const isLearning = manifest.task !== "tensor";
  return {
    ...{ model, task: manifest.task, pointer: ownPointer(call, pointer), ...rest },
    waiting,
    ...(spending ? { spending } : {}),
    canary: only === null ? canary : null,
    missing: rest.missing ?? rest.unanswered.length,
    ladder: isLearning ? manifest.policy.ladder : ["edge"],
    targetRisk: isLearning ? manifest.thin.rule.targetRisk : null,
    keptShare: isLearning ? keptShareOf(manifest.policy) : 0,
  };
}

/** Returns the share of the edge's answers that regions store. */
export function keptShareOf({ keep, auditShare, ladder }: Policy): number {
  if (!ladder.includes("region")) return 0;
  return { all: 1, audited: auditShare, none: 0 }[keep];
}

/** Returns what a look asks about all regions together: it would tell a limited token about those that it may not use. */
function aboutAll(manifest: Manifest): Pick<LookRequest, "group" | "budget"> {
  if (manifest.task === "tensor") return {};
  const { version, policy } = manifest;
  return {
    ...(isGrouped(policy.regions) ? { group: { base: version, ...groupPlanOf(manifest) } } : {}),
    ...(hasPrice(policy) ? { budget: { usdPerMonth: policy.budget?.usdPerMonth ?? null } } : {}),
  };
}

/** Asks a model's registry in one call. */
export async function lookAtRegistry(env: Env, model: string, request: LookRequest): Promise<RegistryLook> {
  try {
    return await registryObject(env, model).look(request);
  } catch (error) {
    if (!lacksMethod(error)) throw error;
    return lookAtEach(env, model, request);
  }
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
