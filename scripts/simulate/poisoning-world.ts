import { emptySums, type Sums } from "#core/head/sums.ts";
import { normal } from "#origin/random.ts";

/** The embedding of the world: 8 values in steps of a hundredth, and three classes of which a tenth is noise. */
export const world = { width: 8, classes: 3, step: 0.01, noise: 0.1 };
const folds = 3;
/** How much the region's truth differs from what the global head has learned. */
const regional = 0.8;

/** Who gives a label: null is trusted. */
export interface GivenLabel {
  vector: Int16Array;
  label: number;
  owner: string | null;
  split: "train" | "validation" | "calibration";
  fold: number;
}

/** A region's truth and the global head, both [width + 1, classes]. */
export interface Truth {
  own: Float32Array;
  global: Float32Array;
}

export function drawTruth(random: () => number): Truth {
  const size = (world.width + 1) * world.classes;
  const global = Float32Array.from({ length: size }, () => normal(random, 0, 1));
  const own = global.map((weight) => weight + normal(random, 0, regional));
  return { own, global };
}

/** Draws a question with its label, noise included, and the split that its key has. */
export function draw(random: () => number, { own }: Truth, owner: string | null): GivenLabel {
  const vector = Int16Array.from({ length: world.width }, () => Math.round(normal(random, 0, 1) / world.step));
  const isNoise = random() < world.noise;
  const label = isNoise ? Math.floor(random() * world.classes) : bestOf(own, vector);
  const u = random();
  const split = u < 0.6 ? "train" : u < 0.8 ? "validation" : "calibration";
  return { vector, label, owner, split, fold: Math.floor(random() * folds) };
}

/** A lie: the next class. */
export function lieOf({ label, ...rest }: GivenLabel): GivenLabel {
  return { ...rest, label: (label + 1) % world.classes };
}

export function bestOf(head: Float32Array, vector: Int16Array): number {
  const scores = Array.from({ length: world.classes }, (_, c) => scoreOf(head, vector, c));
  return scores.indexOf(Math.max(...scores));
}

export function logitsOf(head: Float32Array, vector: Int16Array): Float64Array {
  return Float64Array.from({ length: world.classes }, (_, c) => scoreOf(head, vector, c));
}

export function emptyFolds(): Sums[] {
  return Array.from({ length: folds }, () => emptySums(world.width, world.classes));
}

function scoreOf(head: Float32Array, vector: Int16Array, c: number): number {
  let score = head[world.width * world.classes + c] as number;
  for (const [i, value] of vector.entries()) score += value * world.step * (head[i * world.classes + c] as number);
  return score;
}
