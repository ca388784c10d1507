import type { Counts, RungName } from "./contract/index.ts";

/** Cloudflare's prices beyond what a plan includes, in dollars a million (Workers and Durable Objects pricing, 2026). */
export const prices = {
  workerRequests: 0.3,
  workerCpuMs: 0.02,
  objectRequests: 0.15,
  objectGbSeconds: 12.5,
  rowsRead: 0.001,
  rowsWritten: 1,
} as const;

/** What one question takes of each. */
export const usage = {
  /** Assumed: a Worker can't read its CPU time. It is a fifteenth of what the request costs. */
  edgeCpuMs: 1,
  /** An object's memory while it is awake, as it is billed. */
  objectGb: 0.125,
  /** Rows as measured in real objects: `test/durable-objects/cost.test.ts` holds them to it. */
  escalated: { rowsWritten: 12, rowsRead: 26 },
  /** Two requests, one to look and one to answer; calls of `enqueue`, `lease`, `size`, `answer`, `recordHumanLabel`, `read`. */
  reviewed: { rowsWritten: 43, rowsRead: 74, objectRequests: 6, workerRequests: 2 },
} as const;

/**
 * Dollars that Cloudflare takes for a million questions that get as far as each rung: the rungs below included, the
 * origin's own host not; nor R2 and KV, of which an isolate reads a model once. Null for a rung that no question reached.
 */
export function costsOf(counts: Counts): Record<RungName, number | null> {
  const { requests, questions, escalated, calls, rungs } = counts;
  if (questions === 0) return { edge: null, region: null, origin: null, human: null };
  const edge = (requests / questions) * prices.workerRequests + usage.edgeCpuMs * prices.workerCpuMs;
  if (escalated === 0) return { edge, region: null, origin: null, human: null };
  const region = edge + (calls / escalated) * prices.objectRequests + rowsCost(usage.escalated);
  // The object is awake while the origin is asked.
  const { answered, latencyMs } = rungs.origin;
  const seconds = answered === 0 ? 0 : latencyMs / answered / 1_000;
  const origin = region + seconds * usage.objectGb * prices.objectGbSeconds;
  const { objectRequests, workerRequests } = usage.reviewed;
  const reviewing = objectRequests * prices.objectRequests + workerRequests * prices.workerRequests;
  const human = origin + reviewing + rowsCost(usage.reviewed);
  return { edge, region, origin, human };
}

function rowsCost({ rowsRead, rowsWritten }: { rowsRead: number; rowsWritten: number }): number {
  return rowsRead * prices.rowsRead + rowsWritten * prices.rowsWritten;
}
