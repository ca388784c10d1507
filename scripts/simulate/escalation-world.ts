import { argMax, softmax } from "#core/head/head.ts";
import { normal } from "#origin/random.ts";

/** A question that the edge does not accept, with the scores of both rungs. */
export interface AskedQuestion {
  label: number;
  edge: Float64Array;
  above: Float64Array;
  edgeRight: boolean;
  aboveRight: boolean;
  /** Whether the rung above is among its least sure: only these get a label from people anyway. */
  isUnsure: boolean;
}

const classes = 3;
/** The correlation of the rungs' errors: thin is distilled from full. */
const shared = 0.5;
/** The scores of the rung above are too sure by this factor; those of the edge are calibrated. */
const overconfidence = 2;
const unsureShare = 0.3;

/** Draws questions that the edge and the rung above answer correctly with the given probabilities. */
export function drawQuestions(
  count: number,
  { edge, above }: { edge: number; above: number },
  random: () => number,
): AskedQuestion[] {
  const [edgeSignal, aboveSignal] = [signalFor(edge), signalFor(above)];
  const drawn = Array.from({ length: count }, () => {
    const label = Math.floor(random() * classes);
    const edgeLogits = new Float64Array(classes);
    const aboveLogits = new Float64Array(classes);
    for (let c = 0; c < classes; c++) {
      const common = Math.sqrt(shared) * normal(random, 0, 1);
      const own = () => common + Math.sqrt(1 - shared) * normal(random, 0, 1);
      edgeLogits[c] = edgeSignal * (own() + (c === label ? edgeSignal : 0));
      aboveLogits[c] = overconfidence * aboveSignal * (own() + (c === label ? aboveSignal : 0));
    }
    const scores = { edge: softmax(edgeLogits, 1), above: softmax(aboveLogits, 1) };
    return {
      ...{ label, ...scores, isUnsure: false },
      edgeRight: argMax(scores.edge) === label,
      aboveRight: argMax(scores.above) === label,
    };
  });
  const bySureness = drawn.toSorted((a, b) => Math.max(...a.above) - Math.max(...b.above));
  for (const question of bySureness.slice(0, unsureShare * count)) question.isUnsure = true;
  return drawn;
}

/** Finds by how many standard deviations the right class must stand out, for the given accuracy. */
function signalFor(accuracy: number): number {
  let [low, high] = [0, 8];
  while (high - low > 1e-6) {
    const middle = (low + high) / 2;
    if (accuracyAt(middle) < accuracy) low = middle;
    else high = middle;
  }
  return low;
}

/** Integrates the probability that the right class, N(signal, 1), is above all others, N(0, 1). */
function accuracyAt(signal: number): number {
  const step = 0.01;
  let [below, total] = [0, 0];
  for (let x = -8; x < 16; x += step) {
    below += step * density(x + step / 2);
    total += step * density(x + step - signal) * below ** (classes - 1);
  }
  return total;
}

function density(x: number): number {
  return Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
}
