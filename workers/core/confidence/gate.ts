import { coverageAt } from "../head/metrics.ts";
import type { GradedAnswer } from "./rule.ts";

/** One held-out question, as the head in use and the candidate scored it. */
export interface ComparedQuestion {
  /** The group key: questions of one cluster are not independent. */
  cluster: string;
  currentLoss: number;
  candidateLoss: number;
  current: GradedAnswer;
  candidate: GradedAnswer;
}

export interface GateReport {
  promoted: boolean;
  reason: string;
  questions: number;
  clusters: number;
  /** Mean difference in log-loss, candidate − current; its one-sided 90% upper bound. */
  difference: number;
  bound: number;
  currentLogLoss: number;
  candidateLogLoss: number;
  currentCoverage: number;
  candidateCoverage: number;
}

const z90 = 1.2815515655446004;
const minClusters = 5;
/** Less than this is rounding: a head must not be replaced by itself. */
const negligible = 1e-5;

/**
 * Whether a candidate is better: the one-sided 90% bound of the paired difference in mean log-loss, clustered
 * by group key (Liang & Zeger's sandwich), is below zero by more than rounding, and coverage at the target risk falls
 * by no more than one standard error. With a margin it need only be better as far as can be seen, and surely no worse
 * than by the margin.
 */
export function gate(compared: readonly ComparedQuestion[], targetRisk: number, margin = 0): GateReport {
  const n = compared.length;
  const byCluster = new Map<string, number>();
  const mean = average(compared.map((c) => c.candidateLoss - c.currentLoss));
  for (const c of compared) {
    const residual = c.candidateLoss - c.currentLoss - mean;
    byCluster.set(c.cluster, (byCluster.get(c.cluster) ?? 0) + residual);
  }
  const clusters = byCluster.size;
  const squares = [...byCluster.values()].reduce((sum, residual) => sum + residual ** 2, 0);
  const error = clusters > 1 ? Math.sqrt((squares * clusters) / (clusters - 1)) / n : Number.POSITIVE_INFINITY;
  const bound = mean + z90 * error;
  const currentCoverage = coverage(
    compared.map((c) => c.current),
    targetRisk,
  );
  const candidateCoverage = coverage(
    compared.map((c) => c.candidate),
    targetRisk,
  );
  const coverageError = Math.sqrt((currentCoverage * (1 - currentCoverage)) / Math.max(1, n));
  const fault =
    clusters < minClusters
      ? `${clusters} independent groups of held-out labels; ${minClusters} are needed`
      : mean > -negligible || bound > margin - negligible
        ? `log-loss is not surely lower: ${mean.toFixed(4)}, at most ${bound.toFixed(4)} with 90% confidence`
        : candidateCoverage < currentCoverage - coverageError
          ? `coverage at ${targetRisk} risk falls from ${currentCoverage.toFixed(3)} to ${candidateCoverage.toFixed(3)}`
          : null;
  return {
    promoted: fault === null,
    reason: fault ?? `log-loss is lower by ${(-mean).toFixed(4)}, ${boundText(bound)} with 90% confidence`,
    questions: n,
    clusters,
    difference: mean,
    bound,
    currentLogLoss: average(compared.map((c) => c.currentLoss)),
    candidateLogLoss: average(compared.map((c) => c.candidateLoss)),
    currentCoverage,
    candidateCoverage,
  };
}

function boundText(bound: number): string {
  return bound <= 0 ? `at least ${(-bound).toFixed(4)}` : `higher by ${bound.toFixed(4)} at most`;
}

function coverage(judged: readonly GradedAnswer[], risk: number): number {
  return coverageAt(
    judged.map((j) => j.confidence),
    judged.map((j) => j.right),
    risk,
  );
}

function average(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
