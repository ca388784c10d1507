// The temperature of a rung that we don't own, fitted on labelled answers (Guo et al., arXiv 1706.04599). The log-loss at
// each temperature of a fixed grid is a sum over labels: adding one costs a few numbers, and no score is kept.

/** What labels say of a rung's scores: the sum of log-losses at each temperature of the grid. Plain JSON. */
export interface Calibration {
  labels: number;
  losses: number[];
}

/** ln T from 1/5 to 8, in steps of a fifteenth. */
const lowest = Math.log(1 / 5);
const gridSize = 32;
const step = (Math.log(8) - lowest) / (gridSize - 1);
const grid = Array.from({ length: gridSize }, (_, i) => Math.exp(lowest + i * step));
/** The standard deviation of the normal prior on ln T. */
const deviation = 0.5;
/** Older labels count less, as the rung may change: their weights sum to 500 labels. */
const memory = 1 - 1 / 500;
/** A lower score counts as this: votes give 0, which no temperature would move. */
const scoreFloor = 1e-4;

/** Creates the state of no labels. */
export function noCalibration(): Calibration {
  return { labels: 0, losses: grid.map(() => 0) };
}

/** Adds a labelled answer; `label` is the place of its class. */
export function learnCalibration(state: Calibration, scores: readonly number[], label: number): Calibration {
  if (!(label in scores)) throw new RangeError(`label must be a class below ${scores.length}; received ${label}.`);
  const losses = grid.map((temperature, i) => {
    const score = calibratedAt(scores, temperature)[label] as number;
    return memory * (state.losses[i] as number) - Math.log(score);
  });
  return { labels: state.labels + 1, losses };
}

/** Computes the temperature: the least penalised log-loss of the grid; 1 without labels. */
export function temperatureOf({ labels, losses }: Calibration): number {
  if (labels === 0) return 1;
  const penalised = losses.map((loss, i) => loss + Math.log(grid[i] as number) ** 2 / (2 * deviation ** 2));
  return grid[penalised.indexOf(Math.min(...penalised))] as number;
}

/** Returns calibrated scores: softmax(log scores / T). Without labels, the scores as they came. */
export function calibrated(state: Calibration, scores: readonly number[]): number[] {
  return state.labels === 0 ? [...scores] : calibratedAt(scores, temperatureOf(state));
}

function calibratedAt(scores: readonly number[], temperature: number): number[] {
  const powers = scores.map((score) => Math.max(score, scoreFloor) ** (1 / temperature));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
