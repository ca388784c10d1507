import type { Cost, Counts, RungName } from "./contract/index.ts";

/** Cloudflare's prices beyond what a plan includes, in dollars a million (Workers and Durable Objects pricing, 2026). */
export const prices = {
  workerRequests: 0.3,
  workerCpuMs: 0.02,
  objectRequests: 0.15,
  objectGbSeconds: 12.5,
  rowsRead: 0.001,
  rowsWritten: 1,
} as const;

/** What one question takes of each, as measured in workerd: `test/durable-objects/cost.test.ts` holds it to that. */
export const usage = {
  /** A question alone in its request; the thin model takes less. */
  edgeCpuMs: 1,
  /** An object's memory while it is awake, as it is billed. */
  objectGb: 0.125,
  escalated: { rowsWritten: 30, rowsRead: 40 },
  reviewed: { rowsWritten: 22, rowsRead: 50, objectRequests: 3 },
} as const;

/**
 * What Cloudflare takes for a million questions that get as far as each rung of a ladder: the rungs below included, the
 * origin's own host not; nor R2 and KV, of which an isolate reads a model once. Null for a rung that no question reached.
 */
export function costsOf(ladder: readonly RungName[], counts: Counts): Cost[] {
  const { requests, questions, escalated, calls, rungs } = counts;
  const edge =
    questions === 0 ? null : (requests / questions) * prices.workerRequests + usage.edgeCpuMs * prices.workerCpuMs;
  const own = (name: RungName): number | null => {
    if (edge === null || name === "edge") return edge;
    if (escalated === 0) return null;
    const { rowsRead, rowsWritten } = usage.escalated;
    const rows = rowsRead * prices.rowsRead + rowsWritten * prices.rowsWritten;
    const region = edge + (calls / escalated) * prices.objectRequests + rows;
    if (name === "region") return region;
    // The object is awake while the origin is asked.
    const { answered, latencyMs } = rungs.origin;
    const seconds = answered === 0 ? 0 : latencyMs / answered / 1_000;
    const origin = region + seconds * usage.objectGb * prices.objectGbSeconds;
    if (name === "origin") return origin;
    const { reviewed } = usage;
    return (
      origin +
      reviewed.rowsRead * prices.rowsRead +
      reviewed.rowsWritten * prices.rowsWritten +
      reviewed.objectRequests * prices.objectRequests
    );
  };
  return ladder.map((rung) => ({ rung, usdPerMillion: own(rung) }));
}
