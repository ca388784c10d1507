import type { Advantage, EscalationEstimate } from "../contract/index.ts";
import { count, percent } from "../format.ts";
import { fQuantile } from "./f-tail.ts";

/** A held-out question that thin would escalate. */
export interface EscalatedRow {
  /** The group key. Questions of one cluster are not independent. */
  cluster: string;
  region: string;
  thinRight: boolean;
  fullRight: boolean;
}

const level = 0.1;
const minQuestions = 30;
const minClusters = 8;

/** Sums of one cluster. */
interface ClusterSums {
  questions: number;
  thinRight: number;
  fullRight: number;
}

/**
 * Compares full with thin on the held-out questions that thin would escalate. Full is unused if it is not more often right.
 * The bounds are cluster-robust (Liang & Zeger's sandwich) with Student's t for clusters − 1 degrees of freedom.
 */
export function comparePublished(rows: Iterable<EscalatedRow>): EscalationEstimate {
  const all = new Map<string, ClusterSums>();
  const byRegion = new Map<string, Map<string, ClusterSums>>();
  for (const row of rows) {
    addTo(all, row);
    const own = byRegion.get(row.region) ?? new Map<string, ClusterSums>();
    byRegion.set(row.region, own);
    addTo(own, row);
  }
  const overall = advantageOf(all);
  const regions: Record<string, Advantage> = {};
  for (const [region, sums] of byRegion) {
    const own = advantageOf(sums);
    if (own && own.questions >= minQuestions && own.clusters >= minClusters) regions[region] = own;
  }
  return { overall, regions, isUsed: overall === null || overall.difference > 0, reason: reasonOf(overall) };
}

/** Tells whether the estimate of a region, or the overall one if it has none, favours full. Without either it does. */
export function favoursFull({ overall, regions }: EscalationEstimate, region: string): boolean {
  const known = Object.hasOwn(regions, region) ? regions[region] : overall;
  return known === null || known === undefined || known.difference > 0;
}

function addTo(clusters: Map<string, ClusterSums>, { cluster, thinRight, fullRight }: EscalatedRow): void {
  const sums = clusters.get(cluster) ?? { questions: 0, thinRight: 0, fullRight: 0 };
  sums.questions++;
  sums.thinRight += Number(thinRight);
  sums.fullRight += Number(fullRight);
  clusters.set(cluster, sums);
}

function advantageOf(byCluster: ReadonlyMap<string, ClusterSums>): Advantage | null {
  const all = [...byCluster.values()];
  const total = (of: keyof ClusterSums) => all.reduce((sum, cluster) => sum + cluster[of], 0);
  const questions = total("questions");
  if (questions === 0) return null;
  const [thinAccuracy, fullAccuracy] = [total("thinRight") / questions, total("fullRight") / questions];
  const difference = fullAccuracy - thinAccuracy;
  const squares = all.reduce((sum, c) => sum + (c.fullRight - c.thinRight - c.questions * difference) ** 2, 0);
  const clusters = all.length;
  const error = Math.sqrt((squares * clusters) / Math.max(1, clusters - 1)) / questions;
  const width = clusters > 1 ? studentQuantile(clusters - 1) * error : Number.POSITIVE_INFINITY;
  return {
    ...{ questions, clusters, thinAccuracy, fullAccuracy, difference },
    lower: Math.max(-1, difference - width),
    upper: Math.min(1, difference + width),
  };
}

/** Computes the 90% point of Student's t, whose square has the F distribution with 1 and `freedom` degrees. */
function studentQuantile(freedom: number): number {
  return Math.sqrt(fQuantile(2 * level, 1, freedom));
}

function reasonOf(overall: Advantage | null): string {
  if (!overall) return "thin would escalate none of the held-out questions: labels of each region will tell";
  const { questions, fullAccuracy, thinAccuracy, difference, lower, upper } = overall;
  const compared = `full is right on ${percent(fullAccuracy)} of the ${count(questions)} held-out questions that thin would escalate, thin on ${percent(thinAccuracy)}`;
  const bounds = `${points(difference)} points, 90% bounds ${points(lower)} and ${points(upper)}`;
  return `${compared}: full is ${difference > 0 ? "better" : "not better, and unused"} (${bounds})`;
}

function points(share: number): string {
  return `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(1)}`;
}
