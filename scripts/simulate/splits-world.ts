import { normal, seededRandom, shuffled } from "#origin/random.ts";

const sites = 12;
export const weeks = 104;
const rowsPerSiteAndWeek = 5;
const causes = 4;
/** Features that all rows of a week share, such as the weather: by them a head could recognise a week. */
const weekFeatures = 8;
export const width = causes + weekFeatures + 1;

/** Two years of 12 sites that share a weekly shock. */
export interface World {
  /** The standard deviation of the shock, in logits; or `rare`: in few weeks half of the answers are wrong, else none. */
  shock: number | "rare";
  /** How much the features say: 0 makes every answer equally uncertain. */
  slope: number;
  /** The error of answering everything as well as can be. */
  error: number;
}

/** Rows [rows, width], each ending in 1, with what a split needs. */
export interface Rows {
  rows: number;
  inputs: Float64Array;
  labels: Uint8Array;
  week: Int32Array;
  site: Int32Array;
}

const steps = 120;
const reach = 6;

/** Averages a function of a standard normal by the trapezoid rule. */
function average(of: (x: number) => number): number {
  let sum = 0;
  let mass = 0;
  for (let i = -steps; i <= steps; i++) {
    const x = (i * reach) / steps;
    const density = Math.exp((-x * x) / 2);
    sum += density * of(x);
    mass += density;
  }
  return sum / mass;
}

const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));

/** Computes P(label 1) at a logit, over the shocks of all weeks. */
function probabilityAt(logit: number, { shock, error }: World): number {
  if (shock === "rare") return error;
  return shock === 0 ? sigmoid(logit) : average((x) => sigmoid(logit + shock * x));
}

/** Finds the intercept at which the best possible answers have the world's error. */
function interceptOf(world: World): number {
  const { slope, error } = world;
  const errorAt = (intercept: number) =>
    average((x) => {
      const p = probabilityAt(intercept + slope * x, world);
      return Math.min(p, 1 - p);
    });
  let [low, high] = [-20, 0];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (errorAt(middle) < error) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Prepares a world: what draws two years of it, and what computes the true error of answers. */
export function prepareWorld(world: World) {
  const intercept = interceptOf(world);
  const { shock, slope, error } = world;
  const causeSlope = slope / Math.sqrt(causes);
  const fill = (inputs: Float64Array, row: number, ofWeek: Float64Array, random: () => number): number => {
    let logit = intercept;
    for (let i = 0; i < causes; i++) {
      const x = normal(random, 0, 1);
      inputs[row * width + i] = x;
      logit += causeSlope * x;
    }
    inputs.set(ofWeek, row * width + causes);
    inputs[row * width + width - 1] = 1;
    return logit;
  };
  const weekOf = (random: () => number) => Float64Array.from({ length: weekFeatures }, () => normal(random, 0, 1));

  function draw(random: () => number): Rows {
    const rows = weeks * sites * rowsPerSiteAndWeek;
    const inputs = new Float64Array(rows * width);
    const [labels, week, site] = [new Uint8Array(rows), new Int32Array(rows), new Int32Array(rows)];
    let row = 0;
    for (let w = 0; w < weeks; w++) {
      const ofWeek = weekOf(random);
      const shift = shock === "rare" ? 0 : normal(random, 0, shock);
      const isBad = random() < 2 * error;
      for (let i = 0; i < sites * rowsPerSiteAndWeek; i++, row++) {
        const p = sigmoid(fill(inputs, row, ofWeek, random) + shift);
        labels[row] = random() < (shock !== "rare" ? p : isBad ? 0.5 : 0) ? 1 : 0;
        week[row] = w;
        site[row] = i % sites;
      }
    }
    return { rows, inputs, labels, week, site };
  }

  // Fresh rows of fresh weeks, each with the exact probability of label 1 over all shocks: only the features are sampled.
  const fresh = 4_000;
  const random = seededRandom(1);
  const inputs = new Float64Array(fresh * width);
  const probability = Float64Array.from({ length: fresh }, (_, row) =>
    probabilityAt(fill(inputs, row, weekOf(random), random), world),
  );

  /** Computes the error of accepted answers over fresh weeks, and the share accepted. */
  function truthOf(
    answer: (inputs: Float64Array, offset: number) => { predicted: number; confidence: number },
    threshold: number,
  ): { error: number; coverage: number } {
    let accepted = 0;
    let errors = 0;
    for (let row = 0; row < fresh; row++) {
      const { predicted, confidence } = answer(inputs, row * width);
      if (confidence < threshold) continue;
      accepted++;
      errors += predicted === 1 ? 1 - (probability[row] as number) : (probability[row] as number);
    }
    return { error: accepted > 0 ? errors / accepted : 0, coverage: accepted / fresh };
  }
  return { draw, truthOf };
}

/** Fits logistic regression with a light L2 penalty on some rows, by Newton's method. */
export function fitLogistic({ inputs, labels }: Rows, rows: readonly number[]): Float64Array {
  const weights = new Float64Array(width);
  for (let iteration = 0; iteration < 8; iteration++) {
    const gradient = Float64Array.from(weights);
    const hessian = Array.from({ length: width }, (_, i) => {
      const line = new Float64Array(width);
      line[i] = 1;
      return line;
    });
    for (const row of rows) {
      const offset = row * width;
      const p = sigmoid(logitOf(weights, inputs, offset));
      const residual = p - (labels[row] as number);
      const curvature = p * (1 - p);
      for (let i = 0; i < width; i++) {
        const x = inputs[offset + i] as number;
        gradient[i] = (gradient[i] as number) + residual * x;
        const line = hessian[i] as Float64Array;
        for (let j = 0; j <= i; j++) line[j] = (line[j] as number) + curvature * x * (inputs[offset + j] as number);
      }
    }
    const step = solve(hessian, gradient);
    for (let i = 0; i < width; i++) weights[i] = (weights[i] as number) - (step[i] as number);
    if (step.every((value) => Math.abs(value) < 1e-8)) break;
  }
  return weights;
}

export function logitOf(weights: Float64Array, inputs: Float64Array, offset: number): number {
  let logit = 0;
  for (let i = 0; i < width; i++) logit += (weights[i] as number) * (inputs[offset + i] as number);
  return logit;
}

/** Solves a symmetric positive definite system, given its lower triangle, by Cholesky's decomposition in place. */
function solve(matrix: Float64Array[], right: Float64Array): Float64Array {
  const n = right.length;
  const at = (i: number, j: number) => (matrix[i] as Float64Array)[j] as number;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = at(i, j);
      for (let k = 0; k < j; k++) sum -= at(i, k) * at(j, k);
      (matrix[i] as Float64Array)[j] = i === j ? Math.sqrt(sum) : sum / at(j, j);
    }
  }
  const x = Float64Array.from(right);
  for (let i = 0; i < n; i++) {
    let sum = x[i] as number;
    for (let k = 0; k < i; k++) sum -= at(i, k) * (x[k] as number);
    x[i] = sum / at(i, i);
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i] as number;
    for (let k = i + 1; k < n; k++) sum -= at(k, i) * (x[k] as number);
    x[i] = sum / at(i, i);
  }
  return x;
}

/** The rows of each part. */
export interface Parts {
  train: number[];
  validation: number[];
  calibration: number[];
  latest: number[];
}

/** Splits by weeks: the last k are the latest part; of the others at least 40 go to calibration, where half of them allows it. */
export function splitByWeek({ rows, week }: Rows, latestWeeks: number, random: () => number): Parts {
  const blocks = weeks - latestWeeks;
  const parts = assign(blocks, Math.min(0.5, Math.max(0.2, 40 / blocks)), random);
  const split: Parts = { train: [], validation: [], calibration: [], latest: [] };
  for (let row = 0; row < rows; row++) {
    const block = week[row] as number;
    split[block < blocks ? (parts[block] as keyof Parts) : "latest"].push(row);
  }
  return split;
}

/** Splits by sites and weeks, as was done before: 60% train, 20% validation, 20% calibration. */
export function splitBySiteAndWeek({ rows, week, site }: Rows, random: () => number): Parts {
  const parts = assign(weeks * sites, 0.2, random);
  const split: Parts = { train: [], validation: [], calibration: [], latest: [] };
  for (let row = 0; row < rows; row++) {
    split[parts[(week[row] as number) * sites + (site[row] as number)] as keyof Parts].push(row);
  }
  return split;
}

function assign(groups: number, calibrationShare: number, random: () => number): (keyof Parts)[] {
  const calibration = Math.ceil(calibrationShare * groups);
  const validation = calibration + Math.round((groups - calibration) / 4);
  const rank = new Int32Array(groups);
  shuffled(groups, random).forEach((group, i) => {
    rank[group] = i;
  });
  return Array.from(rank, (r) => (r < calibration ? "calibration" : r < validation ? "validation" : "train"));
}
