import { Matrix } from "ml-matrix";
import type { ClassifyManifest } from "#core/contract/index.ts";
import {
  type GramMatrices,
  gramMatricesOf,
  leaveOut,
  priorOf,
  type RidgeSettings,
  ridgeGrid,
  SingularSumsError,
  solveRidge,
  squaredError,
  toFloat32,
} from "#core/head/analytic.ts";
import { addRow, addSums, decodeSums, emptySums, type SumRow, type Sums } from "#core/head/sums.ts";
import type { ReadBlob } from "#core/model/network.ts";
import type { Contributing } from "../labels/contributing.ts";
import type { SumShards } from "../tables/sums.ts";
import { sliceMultiplyAdds } from "./slices.ts";

/** What the analytic fit reads. */
export interface AnalyticNeeds {
  region: string;
  sums: Pick<SumShards, "readAll">;
  contributing: Pick<Contributing, "addCounted">;
  readBlob: ReadBlob;
}

/** The analytic candidate: the head over everything that trains, and for each fold the head that leaves it out. */
export interface AnalyticHeads {
  weights: Float32Array;
  crossFitted: Float32Array[];
  settings: RidgeSettings;
}

/** The systems that the analytic heads are solved from. */
export interface Solver {
  /** Everything that trains. */
  all: GramMatrices;
  /** Each fold, and everything but that fold. */
  folds: GramMatrices[];
  leftOut: GramMatrices[];
  prior: GramMatrices;
}

/** Solves systems, as many as fit in a slice: first the grid, by cross-validation from the sums alone, then the heads of the best pair. */
export class AnalyticFit {
  private solver: Solver | null = null;
  private readonly errors: number[] = [];
  private readonly heads: Matrix[] = [];

  /** Solves the next systems. Returns the heads at the end, null before it, and "none" where the sums are singular. */
  async next(
    needs: AnalyticNeeds,
    manifest: ClassifyManifest,
    foldCount: number,
  ): Promise<AnalyticHeads | "none" | null> {
    if (!this.solver) {
      // Reading and scaling the sums is a slice of its own.
      this.solver = (await readSolver(needs, manifest, foldCount))();
      return null;
    }
    const perSlice = Math.max(1, Math.floor(sliceMultiplyAdds / solveMultiplyAdds(manifest.thin.head)));
    try {
      for (let solved = 0; solved < perSlice; solved++) {
        const heads = this.solveNext(this.solver, foldCount);
        if (heads) return heads;
      }
      return null;
    } catch (error) {
      if (!(error instanceof SingularSumsError)) throw error;
      return "none";
    }
  }

  private solveNext({ all, folds, leftOut, prior }: Solver, foldCount: number): AnalyticHeads | null {
    const grid = prior.labels > 0 ? ridgeGrid : ridgeGrid.filter(({ tau }) => tau === 0);
    const solved = this.errors.length;
    if (solved < grid.length * foldCount) {
      const settings = grid[Math.floor(solved / foldCount)] as RidgeSettings;
      const fold = solved % foldCount;
      const weights = solveRidge(leftOut[fold] as GramMatrices, scaleOf(prior, all), settings);
      this.errors.push(squaredError(folds[fold] as GramMatrices, weights));
      return null;
    }
    const settings = grid[this.best(grid.length, foldCount)] as RidgeSettings;
    const learned = [all, ...leftOut][this.heads.length] as GramMatrices;
    this.heads.push(solveRidge(learned, scaleOf(prior, all), settings));
    if (this.heads.length <= foldCount) return null;
    const [weights, ...crossFitted] = this.heads.map(toFloat32);
    return { weights: weights as Float32Array, crossFitted, settings };
  }

  private best(pairs: number, foldCount: number): number {
    const totals = Array.from({ length: pairs }, (_, pair) =>
      this.errors.slice(pair * foldCount, (pair + 1) * foldCount).reduce((sum, error) => sum + error, 0),
    );
    return totals.indexOf(Math.min(...totals));
  }
}

// Cholesky's decomposition, and a solution for each class.
function solveMultiplyAdds({ width, classes }: ClassifyManifest["thin"]["head"]): number {
  const n = width + 1;
  return n ** 3 / 6 + 2 * n ** 2 * classes;
}

// Without a prior the region's own features set the scale of the penalty.
function scaleOf(prior: GramMatrices, { gram, moment, labels }: GramMatrices): GramMatrices {
  if (prior.labels > 0) return prior;
  const one = Math.max(1, labels);
  return { gram: Matrix.div(gram, one), moment: Matrix.div(moment, one), labels };
}

/** Solves the heads of known settings, one system at a time: over everything that trains, and for each fold without it. */
export function* solveHeads(
  { all, leftOut, prior }: Solver,
  settings: RidgeSettings,
): Generator<void, Pick<AnalyticHeads, "weights" | "crossFitted">> {
  const heads: Float32Array[] = [];
  for (const learned of [all, ...leftOut]) {
    heads.push(toFloat32(solveRidge(learned, scaleOf(prior, all), settings)));
    yield;
  }
  const [weights, ...crossFitted] = heads;
  return { weights: weights as Float32Array, crossFitted };
}

/** A row of the sums, and its fold. */
export type FoldRow = SumRow & { fold: number };

/** Reads what a region's analytic heads are solved from. The result makes the systems, exactly without some rows of the sums. */
export async function readSolver(
  needs: AnalyticNeeds,
  manifest: ClassifyManifest,
  foldCount: number,
): Promise<(without?: readonly FoldRow[]) => Solver> {
  const { backbone, head } = manifest.thin;
  const { width, step } = backbone.embedding;
  const { prior, policy } = manifest;
  const bytes = prior && policy.learning.includes("prior") ? await needs.readBlob(prior.blob) : null;
  return (without = []) => {
    const sums = needs.sums.readAll(backbone.sha256, width, head.classes, foldCount);
    for (const { fold, ...row } of without) addRow(sums[fold] as Sums, { ...row, weight: -row.weight });
    // What was contributed trains every head, and is in no fold: it judges nothing.
    const contributed = needs.contributing.addCounted(backbone.sha256, emptySums(width, head.classes));
    const all = sums.reduce((all, fold) => addSums(all, fold), contributed);
    const learned = {
      all: gramMatricesOf(all, step),
      folds: sums.map((fold) => gramMatricesOf(fold, step)),
      leftOut: sums.map((_, fold) => gramMatricesOf(leaveOut([...sums, contributed], fold), step)),
    };
    const none: GramMatrices = { ...gramMatricesOf(emptySums(width, head.classes), step), labels: 0 };
    if (!bytes) return { ...learned, prior: none };
    const global = gramMatricesOf(decodeSums(width, head.classes, bytes), step);
    const ownLabels = manifest.trainedOn.regions[needs.region] ?? 0;
    return { ...learned, prior: priorOf(global, learned.all, ownLabels) };
  };
}
