import { softmax } from "./head.ts";
import { type Label, meanUnder } from "./label.ts";

type Scores = ArrayLike<number>;
type Pair = [number, number];
/** A symmetric 2 × 2 matrix: [edge·edge, edge·above, above·above]. */
type Symmetric = [number, number, number];

/**
 * What labels say about the weights of stacking, as plain JSON: the sums of an online Newton method. A buffer of score
 * vectors would be exact, but holds 2·N·classes numbers and costs a whole fit for each label; this is five numbers for any
 * number of classes, and each label costs a few steps over its own scores.
 */
export interface Stacking {
  labels: number;
  /** The curvature of the labels' log-likelihood. */
  curvature: Symmetric;
  /** The sum of curvature·weights + gradient, each at the weights at its own label. */
  pull: Pair;
}

/** The weights of the edge's and the rung above's log scores. */
export interface StackingWeights {
  edge: number;
  above: number;
}

/** The scores of both rungs for one question, and its label. */
export interface LabelledScores {
  edge: Scores;
  above: Scores;
  label: Label;
}

/** The weights without labels: the answer from above, as it is. */
const prior: Pair = [0, 1];
/** The precision of the normal prior on each weight: about what 30 labels say. */
const priorPrecision = 20;
/** Older labels count less, as either rung may change: their weights sum to 500 labels. */
const memory = 1 - 1 / 500;
/** A lower score counts as this: one class at 0 must not decide alone. */
const scoreFloor = 1e-5;
const maxSteps = 12;
const halvings = 8;
const negligible = 1e-9;

/** Creates the state of no labels, for a new version. A new head keeps the state: old labels fade. */
export function noStacking(): Stacking {
  return { labels: 0, curvature: [0, 0, 0], pull: [0, 0] };
}

/** Computes the weights: the maximum of the prior and the sums. */
export function stackingWeights({ curvature: [aa, ab, bb], pull }: Stacking): StackingWeights {
  const [edge, above] = solve(
    [aa + priorPrecision, ab, bb + priorPrecision],
    [pull[0] + priorPrecision * prior[0], pull[1] + priorPrecision * prior[1]],
  );
  return { edge, above };
}

/**
 * Learns from one labelled question: penalised logistic regression on the two log scores, by an implicit online Newton
 * step. The new weights maximise this label's log-likelihood plus the quadratic that stands for the prior and all earlier
 * labels; there, the label's own quadratic is added to the sums.
 */
export function learnStacking(state: Stacking, labelled: LabelledScores): Stacking {
  const edge = logsOf(labelled.edge);
  const above = logsOf(labelled.above);
  if (edge.length !== above.length) {
    throw new RangeError(`Both rungs must score the same classes; received ${edge.length} and ${above.length} scores.`);
  }
  const { label } = labelled;
  const last = typeof label === "number" ? label : label.first + label.shares.length - 1;
  if (!(last in edge)) throw new RangeError(`label must be a class below ${edge.length}; received ${last}.`);
  const [aa, ab, bb] = state.curvature;
  const faded: Stacking = {
    labels: state.labels,
    curvature: [memory * aa, memory * ab, memory * bb],
    pull: [memory * state.pull[0], memory * state.pull[1]],
  };
  const logs = { edge, above, label };
  const at = implicitStep(faded, logs);
  const { gradient, curvature } = derivativesAt(at, logs);
  const turned = times(curvature, at);
  return {
    labels: state.labels + 1,
    curvature: addSymmetric(faded.curvature, curvature),
    pull: [faded.pull[0] + turned[0] + gradient[0], faded.pull[1] + turned[1] + gradient[1]],
  };
}

/** Combines the scores of both rungs: softmax(w₁·log edge + w₂·log above). Without labels, returns those from above. */
export function stackedScores(state: Stacking, edge: Scores, above: Scores): Float64Array {
  if (edge.length !== above.length) {
    throw new RangeError(`Both rungs must score the same classes; received ${edge.length} and ${above.length} scores.`);
  }
  if (state.labels === 0) return Float64Array.from(above);
  const weights = stackingWeights(state);
  return combined([weights.edge, weights.above], logsOf(edge), logsOf(above));
}

interface Logs {
  edge: Float64Array;
  above: Float64Array;
  label: Label;
}

/** Maximises log-likelihood − ½(w − m)ᵀA(w − m) by Newton's method, halving steps that do not help. */
function implicitStep(state: Stacking, logs: Logs): Pair {
  const start = stackingWeights(state);
  const centre: Pair = [start.edge, start.above];
  const precision = addSymmetric(state.curvature, [priorPrecision, 0, priorPrecision]);
  const objective = (at: Pair) => {
    const away: Pair = [at[0] - centre[0], at[1] - centre[1]];
    const pulled = times(precision, away);
    return logLikelihood(at, logs) - (away[0] * pulled[0] + away[1] * pulled[1]) / 2;
  };
  let at = centre;
  let value = objective(at);
  for (let i = 0; i < maxSteps; i++) {
    const { gradient, curvature } = derivativesAt(at, logs);
    const pulled = times(precision, [at[0] - centre[0], at[1] - centre[1]]);
    const slope: Pair = [gradient[0] - pulled[0], gradient[1] - pulled[1]];
    const step = solve(addSymmetric(precision, curvature), slope);
    // Half of it is the rise that Newton's quadratic promises.
    if (slope[0] * step[0] + slope[1] * step[1] < negligible) break;
    let share = 1;
    let next: Pair = [at[0] + step[0], at[1] + step[1]];
    let nextValue = objective(next);
    for (let halved = 0; halved < halvings && nextValue < value; halved++) {
      share /= 2;
      next = [at[0] + share * step[0], at[1] + share * step[1]];
      nextValue = objective(next);
    }
    if (nextValue < value) break;
    [at, value] = [next, nextValue];
  }
  return at;
}

/** Computes the gradient of the log-likelihood and its negative Hessian: the covariance of the log scores under the stacked scores. */
function derivativesAt(at: Pair, { edge, above, label }: Logs): { gradient: Pair; curvature: Symmetric } {
  const scores = combined(at, edge, above);
  let [a, b, aa, ab, bb] = [0, 0, 0, 0, 0];
  for (let c = 0; c < scores.length; c++) {
    const [score, ofEdge, ofAbove] = [scores[c] as number, edge[c] as number, above[c] as number];
    a += score * ofEdge;
    b += score * ofAbove;
    aa += score * ofEdge * ofEdge;
    ab += score * ofEdge * ofAbove;
    bb += score * ofAbove * ofAbove;
  }
  return {
    gradient: [meanUnder(label, edge) - a, meanUnder(label, above) - b],
    curvature: [aa - a * a, ab - a * b, bb - b * b],
  };
}

function logLikelihood(at: Pair, { edge, above, label }: Logs): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < edge.length; c++) top = Math.max(top, at[0] * (edge[c] as number) + at[1] * (above[c] as number));
  let sum = 0;
  for (let c = 0; c < edge.length; c++) {
    sum += Math.exp(at[0] * (edge[c] as number) + at[1] * (above[c] as number) - top);
  }
  return at[0] * meanUnder(label, edge) + at[1] * meanUnder(label, above) - top - Math.log(sum);
}

function combined([ofEdge, ofAbove]: Pair, edge: Float64Array, above: Float64Array): Float64Array {
  return softmax(
    edge.map((log, c) => ofEdge * log + ofAbove * (above[c] as number)),
    1,
  );
}

function logsOf(scores: Scores): Float64Array {
  const logs = new Float64Array(scores.length);
  for (let c = 0; c < logs.length; c++) {
    logs[c] = Math.log(Math.max(scores[c] as number, scoreFloor));
  }
  return logs;
}

function times([aa, ab, bb]: Symmetric, [a, b]: Pair): Pair {
  return [aa * a + ab * b, ab * a + bb * b];
}

function solve([aa, ab, bb]: Symmetric, [a, b]: Pair): Pair {
  const determinant = aa * bb - ab * ab;
  return [(bb * a - ab * b) / determinant, (aa * b - ab * a) / determinant];
}

function addSymmetric(x: Symmetric, y: Symmetric): Symmetric {
  return [x[0] + y[0], x[1] + y[1], x[2] + y[2]];
}
