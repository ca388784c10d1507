import { type Counts, latencyBoundsMs, type RungCounts, rungs } from "./contract/index.ts";

/** Creates counts of zero. */
export function noCounts(): Counts {
  const none = (): RungCounts => ({
    ...{ answered: 0, accepted: 0, right: 0, wrong: 0 },
    ...{ latency: new Array<number>(latencyBoundsMs.length + 1).fill(0), latencyMs: 0 },
  });
  return {
    ...{ requests: 0, questions: 0, escalated: 0, calls: 0 },
    labels: { truth: 0, human: 0, origin: 0 },
    rungs: { edge: none(), region: none(), origin: none(), human: none() },
  };
}

/** Adds `other` to `counts` in place and returns `counts`. */
export function addCounts(counts: Counts, other: Counts): Counts {
  for (const key of ["requests", "questions", "escalated", "calls"] as const) counts[key] += other[key];
  for (const key of ["unlisted", "batches", "batchRows"] as const) {
    const sum = (counts[key] ?? 0) + (other[key] ?? 0);
    if (sum > 0) counts[key] = sum;
  }
  for (const key of ["truth", "human", "origin"] as const) counts.labels[key] += other.labels[key];
  for (const rung of rungs) addRung(counts.rungs[rung], other.rungs[rung]);
  return counts;
}

/** Sums counts. */
export function sumCounts(all: Iterable<Counts>): Counts {
  const sum = noCounts();
  for (const counts of all) addCounts(sum, counts);
  return sum;
}

/** Counts one answer of a rung that took `ms`, or several alike. */
export function countAnswer(counts: RungCounts, accepted: boolean, ms: number, times = 1): void {
  const above = latencyBoundsMs.findIndex((bound) => ms <= bound);
  const index = above < 0 ? latencyBoundsMs.length : above;
  counts.answered += times;
  if (accepted) counts.accepted += times;
  counts.latency[index] = (counts.latency[index] ?? 0) + times;
  counts.latencyMs += ms * times;
}

/** Returns the mean latency in ms; 0 without answers. */
export function meanLatencyMs({ answered, latencyMs }: RungCounts): number {
  return answered === 0 ? 0 : latencyMs / answered;
}

/**
 * Computes the `q` quantile of latency in ms, by linear interpolation within its bucket like Prometheus'
 * `histogram_quantile`. Returns null without answers, and the last bound for a quantile above it.
 */
export function latencyQuantile({ latency }: RungCounts, q: number): number | null {
  const total = latency.reduce((sum, n) => sum + n, 0);
  if (total === 0) return null;
  const rank = q * total;
  let below = 0;
  for (const [i, n] of latency.entries()) {
    const upper = latencyBoundsMs[i];
    if (upper === undefined) break;
    if (n > 0 && below + n >= rank) {
      const lower = latencyBoundsMs[i - 1] ?? 0;
      return lower + ((upper - lower) * (rank - below)) / n;
    }
    below += n;
  }
  return latencyBoundsMs[latencyBoundsMs.length - 1] as number;
}

function addRung(counts: RungCounts, other: RungCounts): void {
  for (const key of ["answered", "accepted", "right", "wrong", "latencyMs"] as const) counts[key] += other[key];
  counts.latency = counts.latency.map((n, i) => n + (other.latency[i] ?? 0));
}
