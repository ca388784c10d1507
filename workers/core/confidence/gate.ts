import { coverageAt } from "../head/metrics.ts";
import type { GradedAnswer } from "./rule.ts";

/** One held-out question, scored by the head in use and by the candidate. */
export interface ComparedQuestion {
  /** The group key. Questions of one cluster are not independent. */
  cluster: string;
  currentLoss: number;
  candidateLoss: number;
  current: GradedAnswer;
  candidate: GradedAnswer;
}

/** The result of the gate, with the figures behind it. */
export interface GateReport {
  promoted: boolean;
  reason: string;
  questions: number;
  clusters: number;
  /** Mean difference in log-loss, candidate − current. */
  difference: number;
  /** Its one-sided 90% upper bound. */
  bound: number;
  currentLogLoss: number;
  candidateLogLoss: number;
  currentCoverage: number;
  candidateCoverage: number;
}

const z90 = 1.2815515655446004;
const minClusters = 5;
/** A smaller difference is rounding error; without it a head could be replaced by itself. */
const negligible = 1e-5;

/**
 * Tests whether a candidate is better: the one-sided 90% upper bound of the paired difference in mean log-loss, clustered
 * by group key (Liang & Zeger's sandwich), is below zero by more than rounding, and coverage at the target risk falls
 * by one standard error at most. With a margin the mean difference must be below zero and its bound below the margin.
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
      ? `too few independent groups of held-out labels: ${clusters} of ${minClusters}`
      : mean > -negligible || bound > margin - negligible
        ? `not significantly better: ${deltaText(mean, bound)}`
        : candidateCoverage < currentCoverage - coverageError
          ? `coverage at ${targetRisk} risk falls from ${currentCoverage.toFixed(3)} to ${candidateCoverage.toFixed(3)}`
          : null;
  return {
    promoted: fault === null,
    reason: fault ?? `${bound < 0 ? "significantly better" : "better within the margin"}: ${deltaText(mean, bound)}`,
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

function deltaText(mean: number, bound: number): string {
  return `Δ log-loss ${signed(mean)} (90% upper bound ${signed(bound)})`;
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;
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
