import { Matrix, solve } from "ml-matrix";
import { argMax } from "#core/head/head.ts";
import { encode } from "#core/input/index.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import type { Artefact } from "#origin/train/index.ts";
import { readFrom } from "#origin/train/score.ts";
import { type Digit, digitLabels } from "./examples-data.ts";

/** A digit as the base sees it, ending in 1. */
export interface EmbeddedDigit {
  label: string;
  values: Float64Array;
}

const batchRows = 256;
const penalties = [1, 3, 10, 30, 100];
const folds = 5;

/** Embeds digits with a created model's base. */
export async function embedDigits({ draft, blobs }: Artefact, digits: readonly Digit[]): Promise<EmbeddedDigit[]> {
  const network = await loadNetwork(servingEngine, draft.thin, readFrom(blobs));
  const { width } = draft.thin.backbone.embedding;
  const embedded: EmbeddedDigit[] = [];
  for (let first = 0; first < digits.length; first += batchRows) {
    const batch = digits.slice(first, first + batchRows);
    const inputs = batch.map(({ instance }) => {
      const row = encode(draft.thin.input, instance, { region: "world" });
      if (!row.ok) throw new Error(`A digit does not fit the base: ${JSON.stringify(row.error)}`);
      return row.value;
    });
    const size = inputs[0]?.length ?? 0;
    const values = new Float32Array(batch.length * size);
    for (const [i, row] of inputs.entries()) values.set(row, i * size);
    const output = network.backbone.embed(values, batch.length);
    for (const [i, { label }] of batch.entries()) {
      embedded.push({ label, values: Float64Array.from([...output.subarray(i * width, (i + 1) * width), 1]) });
    }
  }
  network.release();
  return embedded;
}

/**
 * Returns the accuracy on `rest` of a ridge regression on one-hot labels: ml-matrix solves its normal equations, and the penalty is
 * the one with the most right answers in five-fold cross-validation on `taught`.
 */
export function ridgeAccuracy(taught: readonly EmbeddedDigit[], rest: readonly EmbeddedDigit[]): number {
  const rightOf = (penalty: number) => {
    let right = 0;
    for (let fold = 0; fold < folds; fold++) {
      const isLeft = (_: EmbeddedDigit, i: number) => i % folds === fold;
      const weights = ridge(
        taught.filter((one, i) => !isLeft(one, i)),
        penalty,
      );
      right += countRight(weights, taught.filter(isLeft));
    }
    return right;
  };
  const rights = penalties.map(rightOf);
  const best = penalties[rights.indexOf(Math.max(...rights))] as number;
  return countRight(ridge(taught, best), rest) / rest.length;
}

function ridge(rows: readonly EmbeddedDigit[], penalty: number): Matrix {
  const inputs = new Matrix(rows.map(({ values }) => [...values]));
  const targets = new Matrix(rows.map(({ label }) => digitLabels.map((one) => Number(one === label))));
  const gram = inputs.transpose().mmul(inputs);
  const diagonal = gram.diagonal().map((square) => square / rows.length);
  const mean = diagonal.reduce((sum, square) => sum + square, 0) / diagonal.length;
  const bias = diagonal.length - 1;
  for (const [i, square] of diagonal.entries()) {
    gram.set(i, i, gram.get(i, i) + (i === bias ? 0 : penalty * square) + 1e-6 * mean);
  }
  return solve(gram, inputs.transpose().mmul(targets));
}

function countRight(weights: Matrix, rows: readonly EmbeddedDigit[]): number {
  return rows.filter(({ values, label }) => {
    const scores = Matrix.rowVector([...values])
      .mmul(weights)
      .to1DArray();
    return digitLabels[argMax(scores)] === label;
  }).length;
}
