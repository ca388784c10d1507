import type { Counts, RungName } from "./contract/index.ts";

/** Cloudflare's prices beyond a plan's included usage, in US dollars per million (Workers and Durable Objects, 2026). */
export const prices = {
  workerRequests: 0.3,
  workerCpuMs: 0.02,
  objectRequests: 0.15,
  objectGbSeconds: 12.5,
  rowsRead: 0.001,
  rowsWritten: 1,
} as const;

/** The resources that one question uses. */
export const usage = {
  /** Assumed, since a Worker cannot read its CPU time. It costs a fifteenth of the request. */
  edgeCpuMs: 1,
  /** Memory billed for an object while it is awake. */
  objectGb: 0.125,
  /** Rows as measured in real objects; `test/durable-objects/cost.test.ts` checks them. */
  escalated: { rowsWritten: 5, rowsRead: 11 },
  /** Two requests, one to lease and one to answer; calls of `enqueue`, `lease`, `size`, `answer`, `recordHumanLabel`, `read`. */
  reviewed: { rowsWritten: 43, rowsRead: 74, objectRequests: 6, workerRequests: 2 },
} as const;

/**
 * Estimates Cloudflare's price in US dollars for a million questions that reach each rung, the rungs below included.
 * Leaves out the origin's host, and R2 and KV, from which an isolate reads a model once. Null for a rung that no question
 * reached.
 */
export function costsOf(counts: Counts): Record<RungName, number | null> {
  const { requests, questions, escalated, calls, rungs } = counts;
  if (questions === 0) return { edge: null, region: null, origin: null, human: null };
  const edge = (requests / questions) * prices.workerRequests + usage.edgeCpuMs * prices.workerCpuMs;
  if (escalated === 0) return { edge, region: null, origin: null, human: null };
  const region = edge + (calls / escalated) * prices.objectRequests + rowsCost(usage.escalated);
  // The object stays awake while it waits for the origin.
  const { answered, latencyMs } = rungs.origin;
  const seconds = answered === 0 ? 0 : latencyMs / answered / 1_000;
  const origin = region + seconds * usage.objectGb * prices.objectGbSeconds;
  const { objectRequests, workerRequests } = usage.reviewed;
  const reviewing = objectRequests * prices.objectRequests + workerRequests * prices.workerRequests;
  const human = origin + reviewing + rowsCost(usage.reviewed);
  return { edge, region, origin, human };
}

/**
 * Estimates what was saved by not asking the rung above, in US dollars, from the prices of a million questions that reach
 * each rung. Null while no question has reached it. Leaves out the origin's host.
 */
export function savedUsd(unasked: number, usdPerMillion: Pick<Record<RungName, number | null>, "region" | "origin">) {
  const { region, origin } = usdPerMillion;
  return region === null || origin === null ? null : (unasked / 1e6) * Math.max(0, origin - region);
}

function rowsCost({ rowsRead, rowsWritten }: { rowsRead: number; rowsWritten: number }): number {
  return rowsRead * prices.rowsRead + rowsWritten * prices.rowsWritten;
}
