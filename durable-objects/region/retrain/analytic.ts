import type { Matrix } from "ml-matrix";
import { trainParts } from "../../../workers/core/confidence/folds.ts";
import type { Manifest } from "../../../workers/core/contract/index.ts";
import {
  leaveOut,
  type Moments,
  momentsOf,
  priorOf,
  type RidgeSettings,
  ridgeGrid,
  solveRidge,
  squaredError,
  toFloat32,
} from "../../../workers/core/head/analytic.ts";
import { addSums, decodeSums, emptySums, type Sums } from "../../../workers/core/head/sums.ts";
import { blobReader } from "../blobs.ts";
import type { RegionContext } from "../context.ts";

/** The analytic candidate: the head over all of train, and for each part the one that has not seen it. */
export interface AnalyticHeads {
  weights: Float32Array;
  crossFitted: Float32Array[];
  settings: RidgeSettings;
}

interface Solver {
  parts: Sums[];
  prior: Moments;
  step: number;
}

/** One solution at a time: first the grid by cross-validation from the sums alone, then the heads of the best pair. */
export class AnalyticFit {
  private solver: Solver | null = null;
  private readonly errors: number[] = [];
  private readonly heads: Matrix[] = [];

  /** Solves once more; the heads when all is done, null before, and "none" where nothing can be solved. */
  async next(context: RegionContext, manifest: Manifest): Promise<AnalyticHeads | "none" | null> {
    this.solver ??= await this.start(context, manifest);
    const { parts, prior, step } = this.solver;
    const grid = prior.labels > 0 ? ridgeGrid : ridgeGrid.filter(({ tau }) => tau === 0);
    const solved = this.errors.length;
    try {
      if (solved < grid.length * trainParts) {
        const settings = grid[Math.floor(solved / trainParts)] as RidgeSettings;
        const part = solved % trainParts;
        const weights = solveRidge(momentsOf(leaveOut(parts, part), step), this.scale(prior, parts, step), settings);
        this.errors.push(squaredError(momentsOf(parts[part] as Sums, step), weights));
        return null;
      }
      const settings = grid[this.best(grid.length)] as RidgeSettings;
      const left = this.heads.length - 1;
      const sums = left < 0 ? parts.reduce((all, part) => addSums(all, part)) : leaveOut(parts, left);
      this.heads.push(solveRidge(momentsOf(sums, step), this.scale(prior, parts, step), settings));
      if (this.heads.length <= trainParts) return null;
      const [weights, ...crossFitted] = this.heads.map(toFloat32);
      return { weights: weights as Float32Array, crossFitted, settings };
    } catch (error) {
      console.warn(JSON.stringify({ event: "analytic-head-not-solved", error: String(error) }));
      return "none";
    }
  }

  private best(pairs: number): number {
    const totals = Array.from({ length: pairs }, (_, pair) =>
      this.errors.slice(pair * trainParts, (pair + 1) * trainParts).reduce((sum, error) => sum + error, 0),
    );
    return totals.indexOf(Math.min(...totals));
  }

  // Without a prior the region's own features set the scale of the penalty.
  private scale(prior: Moments, parts: readonly Sums[], step: number): Moments {
    if (prior.labels > 0) return prior;
    const own = momentsOf(
      parts.reduce((all, part) => addSums(all, part)),
      step,
    );
    return { ...own, gram: own.gram.div(Math.max(1, own.labels)), moment: own.moment.div(Math.max(1, own.labels)) };
  }

  private async start(context: RegionContext, manifest: Manifest): Promise<Solver> {
    const { backbone, head } = manifest.thin;
    const { width, step } = backbone.embedding;
    const parts = context.sums.readAll(backbone.sha256, width, head.classes);
    const own = momentsOf(
      parts.reduce((all, part) => addSums(all, part)),
      step,
    );
    const none: Moments = { ...momentsOf(emptySums(width, head.classes), step), labels: 0 };
    const isOn = manifest.prior !== null && manifest.policy.learning.includes("prior");
    if (!isOn || !manifest.prior) return { parts, prior: none, step };
    const bytes = await blobReader(context.env)(manifest.prior.blob);
    const global = momentsOf(decodeSums(width, head.classes, bytes), step);
    const ownLabels = manifest.trainedOn.regions[context.region] ?? 0;
    return { parts, prior: priorOf(global, own, ownLabels), step };
  }
}
