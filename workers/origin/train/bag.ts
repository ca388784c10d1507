import * as tf from "@tensorflow/tfjs-core";
import { embeddingBagKernel } from "../backend/kernels/embedding-bag.ts";
import { type Routines, routinesOn } from "../backend/simd/heap.ts";
import { seededRandom } from "../random.ts";
import { stepSeed } from "./schedule.ts";

/** The n-grams of some rows, for one embedding bag: a list of all rows' n-grams, so that no row is filled up with zeros. */
export interface Terms {
  rows: number;
  /** The buckets that occur, each once. */
  touched: Int32Array;
  /** For each n-gram [n-grams]: its bucket's place in `touched`, its row, and its weight. */
  places: tf.Tensor1D;
  owners: tf.Tensor1D;
  weights: tf.Tensor1D;
}

/** Where a row of values holds the n-grams of a bag: `terms` buckets from `offset` on, then their weights. */
export interface TermsPlace {
  offset: number;
  terms: number;
  buckets: number;
}

/** The table of an embedding bag [buckets, units]. Only rows that a step touches are read, trained and decayed. */
export class EmbeddingBag {
  readonly buckets: number;
  readonly units: number;
  /** A row is zero until a step first touches it, so that an n-gram that was never seen adds nothing. */
  readonly values: Float32Array;
  private readonly first: Float32Array;
  private readonly second: Float32Array;
  /** The gradient of a step's rows, beside the tables, where the routine finds it. */
  private readonly slopes: Float32Array;
  private readonly adam: Routines["adam"];
  private readonly seed: number;
  private steps = 0;
  private taken: { terms: Terms; rows: tf.Variable<tf.Rank.R2> } | null = null;

  constructor(buckets: number, units: number, seed: number) {
    this.seed = seed;
    this.buckets = buckets;
    this.units = units;
    const size = buckets * units;
    const pages = Math.ceil((4 * size * 4) / wasmPageBytes);
    if (pages > wasmMaxPages) {
      throw new Error(
        `A table of ${buckets} buckets × ${units} units does not fit into 4 GB of memory. Set fewer buckets in the recipe's ` +
          "input, or fewer units in its networks.",
      );
    }
    const memory = new WebAssembly.Memory({ initial: pages });
    const part = (i: number) => new Float32Array(memory.buffer, i * size * 4, size);
    this.values = part(0);
    this.first = part(1);
    this.second = part(2);
    this.slopes = part(3);
    this.adam = routinesOn(memory).adam;
  }

  /** Takes the rows that a training step touches, as a variable; `learn` ends the step. */
  take(terms: Terms): tf.Variable {
    for (const bucket of terms.touched) this.start(bucket);
    const rows = tf.tidy(() => tf.variable(this.rowsOf(terms)));
    this.taken = { terms, rows };
    return rows;
  }

  /** Computes the sums of weighted rows [rows, units]. */
  sum(terms: Terms): tf.Tensor2D {
    return sumTerms(this.taken?.terms === terms ? this.taken.rows : this.rowsOf(terms), terms);
  }

  /**
   * Steps the taken rows with AdamW (arXiv 1711.05101) along their gradient [touched, units]. Moments of other rows stand
   * still ("lazy" Adam), so that rare n-grams keep what they have learned.
   */
  learn(gradient: Float32Array, rate: number, decay: number): void {
    const { terms, rows } = this.taken as NonNullable<typeof this.taken>;
    const { units, values, first, second, slopes } = this;
    this.steps++;
    const scale = 1 / (1 - beta2 ** this.steps);
    const step = rate / (1 - beta1 ** this.steps);
    const kept = 1 - rate * decay;
    slopes.set(gradient);
    const whole = units & ~3;
    for (const [place, bucket] of terms.touched.entries()) {
      const [at, from] = [bucket * units, place * units];
      const [value, slope, mean, square] = [
        ...[values.byteOffset + at * 4, slopes.byteOffset + from * 4],
        ...[first.byteOffset + at * 4, second.byteOffset + at * 4],
      ] as [number, number, number, number];
      this.adam(value, slope, mean, square, whole, kept, step, scale, beta1, beta2, epsilon);
      for (let unit = whole; unit < units; unit++) {
        const own = slopes[from + unit] as number;
        first[at + unit] = beta1 * (first[at + unit] as number) + (1 - beta1) * own;
        second[at + unit] = beta2 * (second[at + unit] as number) + (1 - beta2) * own * own;
        const moved =
          (step * (first[at + unit] as number)) / (Math.sqrt(scale * (second[at + unit] as number)) + epsilon);
        values[at + unit] = kept * (values[at + unit] as number) - moved;
      }
    }
    rows.dispose();
    this.taken = null;
  }

  /** Reads everything that the next step depends on. */
  readState(): Float32Array[] {
    return [this.values, this.first, this.second, Float32Array.of(this.steps)];
  }

  restore([values, first, second, steps]: readonly Float32Array[]): void {
    this.values.set(values as Float32Array);
    this.first.set(first as Float32Array);
    this.second.set(second as Float32Array);
    this.steps = steps?.[0] as number;
  }

  /** Draws a row that is touched for the first time: hidden layers learn nothing from zeros. */
  private start(bucket: number): void {
    const { units, values } = this;
    const [first, last] = [bucket * units, (bucket + 1) * units];
    for (let at = first; at < last; at++) if (values[at] !== 0) return;
    const random = seededRandom(stepSeed(this.seed, 0, bucket));
    for (let at = first; at < last; at++) values[at] = initialSize * (2 * random() - 1);
  }

  private rowsOf({ touched }: Terms): tf.Tensor2D {
    const { units, values } = this;
    const rows = new Float32Array(touched.length * units);
    for (const [place, bucket] of touched.entries()) {
      rows.set(values.subarray(bucket * units, (bucket + 1) * units), place * units);
    }
    return tf.tensor2d(rows, [touched.length, units]);
  }
}

const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-7];
const wasmPageBytes = 65_536;
const wasmMaxPages = 65_536;
/** The largest initial value of a row. */
const initialSize = 0.1;

/** Leaves out a share of n-grams at random, and scales the others up, so that no few of them decide. */
export interface TermsDropout {
  share: number;
  random: () => number;
}

/** Lists the n-grams in rows of values [rows, width]. */
export function termsOf(
  values: Float32Array,
  rows: number,
  { offset, terms, buckets }: TermsPlace,
  dropout: TermsDropout | null = null,
): Terms {
  const width = values.length / rows;
  const placeOf = new Int32Array(buckets).fill(-1);
  const touched: number[] = [];
  // One more than there can be: a bag of nothing has one n-gram of weight 0, since operations refuse an empty list.
  const most = rows * terms + 1;
  const [places, owners, weights] = [new Int32Array(most), new Int32Array(most), new Float32Array(most)];
  let n = 0;
  for (let row = 0; row < rows; row++) {
    const start = row * width + offset;
    for (let i = 0; i < terms; i++) {
      const weight = values[start + terms + i] as number;
      if (weight === 0) break;
      if (dropout && dropout.random() < dropout.share) continue;
      const bucket = values[start + i] as number;
      if (placeOf[bucket] === -1) placeOf[bucket] = touched.push(bucket) - 1;
      places[n] = placeOf[bucket] as number;
      owners[n] = row;
      weights[n++] = dropout ? weight / (1 - dropout.share) : weight;
    }
  }
  if (n === 0) n = touched.push(0);
  return {
    rows,
    touched: Int32Array.from(touched),
    places: tf.tensor1d(places.slice(0, n), "int32"),
    owners: tf.tensor1d(owners.slice(0, n), "int32"),
    weights: tf.tensor1d(weights.slice(0, n)),
  };
}

/** Computes Σ weight · table[place] for each row [rows, units]; its gradient has a row for each touched bucket. */
export function sumTerms(table: tf.Tensor2D, { places, owners, weights, rows }: Omit<Terms, "touched">): tf.Tensor2D {
  const [touched] = table.shape;
  const sum = tf.customGrad((x, save) => {
    (save as tf.GradSaveFunc)([places, owners, weights]);
    return {
      value: weightedSums(x as tf.Tensor2D, { places, owners, weights, rows }),
      gradFunc: (slope: tf.Tensor, [from, to, by]: tf.Tensor[]) =>
        weightedSums(slope as tf.Tensor2D, {
          ...{ places: to as tf.Tensor1D, owners: from as tf.Tensor1D, weights: by as tf.Tensor1D },
          rows: touched,
        }),
    };
  });
  return sum(table) as tf.Tensor2D;
}

// Only the WASM backend has the kernel that does it in one pass.
function weightedSums(x: tf.Tensor2D, { places, owners, weights, rows }: Omit<Terms, "touched">): tf.Tensor2D {
  if (tf.getKernel(embeddingBagKernel, tf.getBackend())) {
    return tf.engine().runKernel(embeddingBagKernel, { x, places, owners, weights }, { rows }) as tf.Tensor2D;
  }
  const weighted = tf.mul(tf.gather(x, places), tf.expandDims(weights, 1));
  return tf.unsortedSegmentSum(weighted, owners, rows) as tf.Tensor2D;
}
