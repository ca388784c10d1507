import { EigenvalueDecomposition, Matrix, solve } from "ml-matrix";
import { fQuantile, fTail } from "./f-tail.ts";

/** The questions of one group key: Σ 1/π, and Σ embedding/π, [d]. */
export interface ClusterSum {
  weight: number;
  sum: ArrayLike<number>;
}

/** Sums over clusters that suffice for the mean embedding and its cluster-robust covariance. */
export interface ClusterMoments {
  clusters: number;
  /** Σ w. */
  weight: number;
  /** Σ w². */
  weightSquares: number;
  /** Σ s, [d]. */
  sum: number[];
  /** Σ w·s, [d]. */
  weightedSum: number[];
  /** Σ s·sᵀ, [d, d]. */
  products: number[];
}

/** The result of a test for input drift. */
export interface DriftTest {
  /** Hotelling's T². */
  statistic: number;
  /** The least T² that raises an alarm. */
  threshold: number;
  alarm: boolean;
  /** The p-value: the probability of a T² this large under no change. */
  p: number;
  /** The number of axes compared. */
  dimensions: number;
}

/** The level of a monthly test: half a false alarm a year, to stay well below the one that is promised. */
export const monthlyLevel = 1 / 24;

const maxDimensions = 8;
const clustersPerDimension = 4;
const minEffectiveClusters = 1.5;
// An axis whose variance is below this share of the first axis's variance is rounding error.
const negligibleVariance = 1e-9;

/** Creates moments of no clusters, for embeddings of the given width. */
export function emptyClusterMoments(width: number): ClusterMoments {
  const zeros = (n: number) => new Array<number>(n).fill(0);
  return {
    clusters: 0,
    weight: 0,
    weightSquares: 0,
    sum: zeros(width),
    weightedSum: zeros(width),
    products: zeros(width ** 2),
  };
}

/** Adds one whole cluster in place. Its questions are not independent, so it counts as one observation. */
export function addCluster(moments: ClusterMoments, { weight, sum }: ClusterSum): void {
  const width = moments.sum.length;
  expectWidth(width, sum.length);
  if (!(weight > 0)) return;
  moments.clusters++;
  moments.weight += weight;
  moments.weightSquares += weight ** 2;
  for (let i = 0; i < width; i++) {
    const value = sum[i] as number;
    moments.sum[i] = (moments.sum[i] as number) + value;
    moments.weightedSum[i] = (moments.weightedSum[i] as number) + weight * value;
    for (let j = 0; j < width; j++) {
      const at = i * width + j;
      moments.products[at] = (moments.products[at] as number) + value * (sum[j] as number);
    }
  }
}

/** Adds the moments of two disjoint sets of clusters, such as two seasons or years. */
export function addClusterMoments(a: ClusterMoments, b: ClusterMoments): ClusterMoments {
  expectWidth(a.sum.length, b.sum.length);
  const plus = (x: number[], y: number[]) => x.map((value, i) => value + (y[i] as number));
  return {
    clusters: a.clusters + b.clusters,
    weight: a.weight + b.weight,
    weightSquares: a.weightSquares + b.weightSquares,
    sum: plus(a.sum, b.sum),
    weightedSum: plus(a.weightedSum, b.weightedSum),
    products: plus(a.products, b.products),
  };
}

/**
 * Tests whether the mean embedding of recent questions differs from the reference's: Hotelling's two-sample T² of weighted
 * means over clusters, with F(k, ν − k + 1) for T²·(ν − k + 1)/(kν) at ν = n₁ + n₂ − 2 (Anderson, An Introduction to
 * Multivariate Statistical Analysis, 5.2-5.3). n is Kish's effective number of clusters, (Σw)²/Σw², since a few with large
 * 1/π may outweigh the rest. Compares the k leading axes of the reference's covariance, one for every four clusters and 8 at
 * most; changes orthogonal to them are not detected. Assumes that clusters are independent.
 *
 * @param level the probability of a false alarm in one test
 * @returns null if there are too few clusters for a test, or the reference has no variance
 * @throws RangeError if the widths differ
 */
export function driftTest(reference: ClusterMoments, recent: ClusterMoments, level: number): DriftTest | null {
  expectWidth(reference.sum.length, recent.sum.length);
  if (Math.min(effectiveClusters(reference), effectiveClusters(recent)) < minEffectiveClusters) return null;
  const [before, now] = [spreadOf(reference), spreadOf(recent)];
  const count = Math.floor((before.n + now.n) / clustersPerDimension);
  const axes = leadingAxes(before.scatter, Math.min(maxDimensions, count));
  if (axes === null) return null;

  const k = axes.columns;
  const freedom = before.n + now.n - 2;
  const difference = axes.transpose().mmul(Matrix.sub(now.mean, before.mean));
  const scatters = [before, now].map(({ scatter }) => axes.transpose().mmul(scatter).mmul(axes)) as [Matrix, Matrix];
  const pooled = Matrix.add(...scatters).div(freedom);
  // A sample with more variance than the pool (smaller clusters, rarer audits) gets its own larger variance.
  const variances = [before, now].map(({ n }, i) => {
    const own = Matrix.div(scatters[i] as Matrix, n - 1);
    return Math.max(1, solve(pooled, own).trace() / k) / n;
  }) as [number, number];
  const covariance = Matrix.mul(pooled, variances[0] + variances[1]);

  const statistic = difference.dot(solve(covariance, difference));
  const scale = (freedom - k + 1) / (k * freedom);
  const p = fTail(statistic * scale, k, freedom - k + 1);
  const threshold = fQuantile(level, k, freedom - k + 1) / scale;
  return { statistic, threshold, alarm: statistic >= threshold, p, dimensions: k };
}

function effectiveClusters({ weight, weightSquares }: ClusterMoments): number {
  return weightSquares === 0 ? 0 : weight ** 2 / weightSquares;
}

// The mean [d, 1], and the scatter of cluster means about it, [d, d]: n − 1 times their covariance, with cluster means
// weighted by w². Σ(s − wμ)(s − wμ)ᵀ is the middle of Liang & Zeger's sandwich.
function spreadOf(moments: ClusterMoments): { n: number; mean: Matrix; scatter: Matrix } {
  const width = moments.sum.length;
  const mean = Matrix.columnVector(moments.sum).div(moments.weight);
  const cross = mean.mmul(Matrix.rowVector(moments.weightedSum));
  const square = mean.mmul(mean.transpose()).mul(moments.weightSquares);
  const residuals = Matrix.from1DArray(width, width, moments.products).sub(cross).sub(cross.transpose()).add(square);
  const n = effectiveClusters(moments);
  return { n, mean, scatter: residuals.mul(n / moments.weightSquares) };
}

// Eigenvectors of the largest eigenvalues, [d, count] or fewer; null if there are none.
function leadingAxes(scatter: Matrix, count: number): Matrix | null {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(scatter, { assumeSymmetric: true });
  const order = realEigenvalues.map((_, i) => i);
  order.sort((a, b) => (realEigenvalues[b] as number) - (realEigenvalues[a] as number));
  const least = negligibleVariance * (realEigenvalues[order[0] as number] as number);
  const leading = order.slice(0, count).filter((i) => (realEigenvalues[i] as number) > Math.max(0, least));
  return leading.length === 0 ? null : eigenvectorMatrix.subMatrixColumn(leading);
}

function expectWidth(expected: number, width: number): void {
  if (width !== expected) throw new RangeError(`embeddings must have width ${expected}; received ${width}.`);
}
