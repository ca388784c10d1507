import { type SoftmaxState, softmaxGradient, softmaxSettings, softmaxStep, startSoftmax } from "./softmax.ts";
import { logitsOfRow } from "./softmax-fit.ts";

/** A labelled embedding that is looked at, and how much a head learns from its label: 0 for not at all. */
export interface LookedRow {
  vector: Int16Array;
  label: number;
  /** The rows of a fold are judged by a head that has learned from the others alone. */
  fold: number;
  weight: number;
}

/** A row whose label a head disagrees with. */
export interface LabelError {
  /** Its place among the rows. */
  row: number;
  /** The label that the head puts first, by index. */
  suggestion: number;
  /** How much more probable the suggestion is than the label: near 1 for a confident disagreement. */
  margin: number;
}

interface Shape {
  classes: number;
  /** The unit of the embeddings. */
  step: number;
  folds: number;
}

const { iterations, pulls } = softmaxSettings;
/** Fitting takes no more multiply-adds than this, some seconds: of many rows with large embeddings, heads learn from the first ones. */
const fitMaxMultiplyAdds = 6e9;
const blockMaxMultiplyAdds = 1_000_000;
/** The length of the embeddings for which the learning rate was chosen. */
const usualLength = 4;

/**
 * Finds rows whose label may be wrong, the most suspicious first: by the log-odds of the label that a softmax head puts first to
 * the given one. The head has not learned from the row's fold, since one that has learned from a wrong label repeats it
 * (confident learning, arXiv 1911.00068). Yields after each block of rows. Needs a started backend.
 */
export function* findLabelErrors(rows: readonly LookedRow[], shape: Shape): Generator<void, LabelError[]> {
  const [first] = rows;
  if (!first) return [];
  const { classes, folds } = shape;
  const width = first.vector.length + 1;
  const inputs = inputsOf(rows, width, shape.step);
  const errors: (LabelError & { logOdds: number })[] = [];
  let judged = 0;
  for (let fold = 0; fold < folds; fold++) {
    const head = yield* fittedHead(rows, inputs, { fold, width, classes, folds });
    if (head === null) continue;
    for (const [row, { label, fold: own }] of rows.entries()) {
      if (own !== fold) continue;
      if (++judged % blockRows(width * classes) === 0) yield;
      const logits = logitsOfRow(inputs, row, head, classes);
      const suggestion = logits.indexOf(logits.reduce((most, logit) => Math.max(most, logit)));
      const logOdds = (logits[suggestion] as number) - (logits[label] as number);
      if (suggestion === label || logOdds <= 0) continue;
      const sum = logits.reduce((all, logit) => all + Math.exp(logit - (logits[suggestion] as number)), 0);
      errors.push({ row, suggestion, margin: (1 - Math.exp(-logOdds)) / sum, logOdds });
    }
  }
  return errors.sort((a, b) => b.logOdds - a.logOdds).map(({ logOdds: _, ...error }) => error);
}

/** Fits a head to the rows of the other folds; null where there are none. */
function* fittedHead(
  rows: readonly LookedRow[],
  inputs: Float32Array,
  { fold, width, classes, folds }: { fold: number; width: number; classes: number; folds: number },
): Generator<void, Float32Array | null> {
  const rowCost = 2 * width * classes;
  const most = Math.max(classes, Math.floor(fitMaxMultiplyAdds / (rowCost * iterations * folds)));
  const taught = rows.flatMap((row, i) => (row.fold !== fold && row.weight > 0 ? [i] : [])).slice(0, most);
  if (taught.length === 0) return null;
  const size = blockRows(rowCost);
  const blocks = Array.from({ length: Math.ceil(taught.length / size) }, (_, i) =>
    batchOf(rows, inputs, taught.slice(i * size, (i + 1) * size), { width, classes }),
  );
  const mass = taught.reduce((sum, i) => sum + (rows[i] as LookedRow).weight, 0);
  const start = new Float32Array(width * classes);
  let head: SoftmaxState = startSoftmax(start);
  for (let i = 0; i < iterations; i++) {
    const gradient = new Float32Array(start.length);
    for (const block of blocks) {
      for (const [at, slope] of softmaxGradient(head.weights, block, classes).entries()) {
        gradient[at] = (gradient[at] as number) + slope;
      }
      yield;
    }
    head = softmaxStep(head, gradient, mass, start, pulls[0] / mass);
  }
  return head.weights;
}

function blockRows(rowCost: number): number {
  return Math.max(1, Math.floor(blockMaxMultiplyAdds / rowCost));
}

function batchOf(
  rows: readonly LookedRow[],
  inputs: Float32Array,
  chosen: readonly number[],
  { width, classes }: { width: number; classes: number },
) {
  const own = new Float32Array(chosen.length * width);
  const targets = new Float32Array(chosen.length * classes);
  for (const [at, i] of chosen.entries()) {
    own.set(inputs.subarray(i * width, (i + 1) * width), at * width);
    targets[at * classes + (rows[i] as LookedRow).label] = 1;
  }
  const weights = Float32Array.from(chosen, (i) => (rows[i] as LookedRow).weight);
  return { rows: chosen.length, inputs: own, targets, weights };
}

/** Returns embeddings [rows, width] that end in 1, divided by a power of two that gives them the usual length. */
function inputsOf(rows: readonly LookedRow[], width: number, step: number): Float32Array {
  const inputs = new Float32Array(rows.length * width);
  let squares = 0;
  for (const { vector } of rows) for (const value of vector) squares += (value * step) ** 2;
  const length = Math.sqrt(squares / rows.length);
  const scale = length > 0 ? step / 2 ** Math.round(Math.log2(length / usualLength)) : step;
  for (const [row, { vector }] of rows.entries()) {
    inputs.set(
      Float32Array.from(vector, (value) => value * scale),
      row * width,
    );
    inputs[(row + 1) * width - 1] = 1;
  }
  return inputs;
}
