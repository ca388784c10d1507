import type { Counts, RungName } from "../contract/index.ts";
import { type Operations, operations } from "./operations.ts";
import { type Billed, objectGb, prices } from "./prices.ts";

export { type Operations, operations } from "./operations.ts";

/** Adds operations, each so many times. */
export function sumOf(...all: (readonly [what: Operations, times: number])[]): Operations {
  const sum: Operations = {};
  for (const [what, times] of all) {
    for (const [name, n] of Object.entries(what) as [Billed, number][]) sum[name] = (sum[name] ?? 0) + n * times;
  }
  return sum;
}

/** Prices operations in US dollars by Cloudflare's list, beyond what a plan includes. */
export function usdOf(what: Operations): number {
  const entries = Object.entries(what) as [Billed, number][];
  return entries.reduce((usd, [name, n]) => usd + (n * prices[name].usdPerMillion) / 1e6, 0);
}

/**
 * What an object is billed for a request that waits `ms` for another rung, when `perSecond` of them reach it. An object is billed
 * while it waits for at least one: of Poisson arrivals with mean wait W it waits a share 1 − e^(−λW) of the time (the idle
 * probability of M/G/∞), so that a request costs (1 − e^(−λW)) / λ seconds. That is W where requests come one by one, and
 * 1/λ where there is always one: an object that is never idle costs 86,400 s a day and no more.
 */
export function waiting(ms: number, perSecond = 0): Operations {
  const seconds = ms / 1_000;
  const billed = perSecond > 0 ? -Math.expm1(-perSecond * seconds) / perSecond : seconds;
  return { objectGbSeconds: billed * objectGb };
}

/**
 * Estimates Cloudflare's price in US dollars for a million questions that reach each rung, the rungs below included. Null for a
 * rung that no question reached. Leaves out the origin's host and the price of decision models.
 */
export function costsOf(counts: Counts): Record<RungName, number | null> {
  const { questions, escalated, rungs } = counts;
  if (questions === 0) return { edge: null, region: null, origin: null, human: null };
  const perQuestion = edgeOf(counts) / questions;
  const edge = 1e6 * perQuestion;
  if (escalated === 0) return { edge, region: null, origin: null, human: null };
  const callsSaved = callsSavedOf(counts) / escalated;
  const reaches = (what: Operations) => 1e6 * (perQuestion + usdOf(sumOf([what, 1], [oneCall, -callsSaved])));
  const origin = reaches(sumOf([operations.origin, 1], [meanWait(rungs.origin), 1]));
  const isAsked = rungs.origin.answered > 0;
  const reviewed = 1e6 * usdOf(operations.reviewed);
  const region = reaches(operations.region);
  return { edge, region, origin, human: (isAsked ? origin : region) + reviewed };
}

/**
 * Estimates Cloudflare's price in US dollars for a million of a model's questions as they came, by what every one of them and
 * its labels took. `keptShare` is the share of the edge's answers that its region stores. Null without questions.
 */
export function usdPerMillion(counts: Counts, keptShare: number): number | null {
  const { questions, escalated, rungs, labels } = counts;
  if (questions === 0) return null;
  const above = Math.min(escalated, rungs.origin.answered);
  const cached = Math.min(escalated - above, rungs.region.answered);
  const usd = usdOf(
    sumOf(
      [operations.cached, cached],
      [operations.region, escalated - above - cached],
      [operations.origin, above],
      [meanWait(rungs.origin), above],
      [oneCall, -callsSavedOf(counts)],
      [operations.kept, keptShare * Math.max(0, questions - escalated)],
      [operations.reviewed, labels.human],
      [operations.taught, labels.truth],
    ),
  );
  return (1e6 * (edgeOf(counts) + usd)) / questions;
}

/** Like `usdPerMillion`, had each question gone to the origin, which takes `originMs` to answer; with its labels, and without people. */
export function originOnlyUsdPerMillion(counts: Counts, originMs: number): number | null {
  const { questions, requests, rungs, labels } = counts;
  const origin = { ...rungs.origin, answered: questions, latencyMs: originMs * questions };
  const all = { escalated: questions, calls: requests, labels: { ...labels, human: 0 } };
  return usdPerMillion({ ...counts, ...all, rungs: { ...rungs, origin } }, 0);
}

/**
 * Estimates what was saved by not asking the rung above, in US dollars, from the prices of a million questions that reach
 * each rung. Null while no question has reached it. Leaves out the origin's host.
 */
export function savedUsd(unasked: number, perMillion: Pick<Record<RungName, number | null>, "region" | "origin">) {
  const { region, origin } = perMillion;
  return region === null || origin === null ? null : (unasked / 1e6) * Math.max(0, origin - region);
}

const oneCall: Operations = { objectRequests: 1 };

/** What all requests took at the edge, and the batches of counts that its isolates sent. */
function edgeOf({ requests, batches = 0, batchRows = 0 }: Counts): number {
  return usdOf(sumOf([operations.edge, requests], [operations.flush, batches], [operations.flushRow, batchRows]));
}

// Questions of a batch share a call. Calls that only keep questions make up for some: the estimate is then too high.
function callsSavedOf({ escalated, calls }: Counts): number {
  return Math.max(0, escalated - calls);
}

// Each alone: how many a region asks at once is not counted, so that this is the most that waiting can cost.
function meanWait({ answered, latencyMs }: Counts["rungs"]["origin"]): Operations {
  return waiting(answered === 0 ? 0 : latencyMs / answered);
}
