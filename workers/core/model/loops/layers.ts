import { sizeOf } from "#core/input/index.ts";
import { EngineError } from "../engine.ts";
import { activations } from "./activations.ts";
import { multiply, packKernel } from "./dense.ts";
import { multiplyBySimd } from "./simd.ts";
import { expanded, type Stored } from "./stored.ts";
import type { ComputedLayer } from "./topology.ts";

/** Below, copying to and from the memory of WebAssembly takes longer than the products. */
const simdMinRows = 8;

/** How a layer computes rows of its output: its shape without the batch, the products that a row takes, and its memory. */
export interface Layer {
  shape: number[];
  products: number;
  bytes: number;
  apply: (inputs: readonly Float32Array[], rows: number, out: Float32Array) => void;
}

/** Takes a weight by its name and shape; null where there is none. */
export type TakeWeight = (name: string, shape: readonly number[]) => Stored | null;

/**
 * Builds a layer from its weights. Null for one that loops don't compute on inputs of these shapes.
 * @param given the shapes of its inputs without the batch
 */
export function layerOf({ name, kind }: ComputedLayer, given: readonly number[][], take: TakeWeight): Layer | null {
  const [first = []] = given;
  const size = sizeOf(first);
  switch (kind.class_name) {
    case "EmbeddingBag": {
      const { buckets, units } = kind.config;
      const table = take(`${name}/table`, [buckets, units]);
      if (!table || first.length !== 2 || first[0] !== 2) return null;
      const apply: Layer["apply"] = ([input], rows, out) => {
        for (let row = 0; row < rows; row++) {
          const own = (input as Float32Array).subarray(row * size, (row + 1) * size);
          sumBag(table, buckets, own, out.subarray(row * units, (row + 1) * units));
        }
      };
      return { shape: [units], products: 0, bytes: table.values.byteLength, apply };
    }
    case "Dense": {
      const { units, use_bias, activation } = kind.config;
      const inputs = first.at(-1) ?? 0;
      const kernel = take(`${name}/kernel`, [inputs, units]);
      const bias = use_bias ? take(`${name}/bias`, [units]) : null;
      if (!kernel || (use_bias && !bias)) return null;
      const dense = packKernel(expanded(kernel), bias && expanded(bias), inputs, units);
      const activate = activations[activation];
      // A layer on a matrix acts on each of its rows.
      const times = size / inputs;
      const apply: Layer["apply"] = ([input], rows, out) => {
        const all = rows * times;
        const isDone = all >= simdMinRows && multiplyBySimd(dense, input as Float32Array, all, out);
        if (!isDone) multiply(dense, input as Float32Array, all, out);
        activate?.(out, rows * times * units, units);
      };
      const bytes = dense.blocks.byteLength + dense.bias.byteLength;
      return { shape: [...first.slice(0, -1), units], products: times * inputs * units, bytes, apply };
    }
    case "Activation": {
      const activate = activations[kind.config.activation];
      const apply: Layer["apply"] = ([input], rows, out) => {
        out.set((input as Float32Array).subarray(0, rows * size));
        activate?.(out, rows * size, first.at(-1) ?? 1);
      };
      return { shape: first, products: 0, bytes: 0, apply };
    }
    case "Concatenate":
      return concatenation(given, kind.config.axis);
    case "Flatten":
      return { shape: [size], products: 0, bytes: 0, apply: copied(size) };
    case "Reshape": {
      const shape = kind.config.target_shape;
      return sizeOf(shape) === size ? { shape, products: 0, bytes: 0, apply: copied(size) } : null;
    }
    case "Dropout":
      return { shape: first, products: 0, bytes: 0, apply: copied(size) };
  }
}

function copied(size: number): Layer["apply"] {
  return ([input], rows, out) => out.set((input as Float32Array).subarray(0, rows * size));
}

function concatenation(given: readonly number[][], axis: number): Layer | null {
  const widths = given.map(([width = 0]) => width);
  if (given.some(({ length }) => length !== 1) || (axis !== -1 && axis !== 1)) return null;
  const width = widths.reduce((sum, own) => sum + own, 0);
  const apply: Layer["apply"] = (inputs, rows, out) => {
    let to = 0;
    for (const [i, input] of inputs.entries()) {
      const own = widths[i] as number;
      for (let row = 0; row < rows; row++) {
        for (let at = 0; at < own; at++) out[row * width + to + at] = input[row * own + at] as number;
      }
      to += own;
    }
  };
  return { shape: [width], products: 0, bytes: 0, apply };
}

/** Σ weight · (scale · stored + min): the stored values are summed first. The list ends with the first weight of zero. */
function sumBag({ values, scale, min }: Stored, buckets: number, input: Float32Array, out: Float32Array): void {
  const terms = input.length / 2;
  const units = out.length;
  let total = 0;
  out.fill(0);
  for (let term = 0; term < terms; term++) {
    const weight = input[terms + term] as number;
    if (weight === 0) break;
    const bucket = input[term] as number;
    if (!(bucket >= 0 && bucket < buckets && Number.isInteger(bucket)))
      throw new EngineError(`Bucket ${bucket} is none of the ${buckets}.`);
    const at = bucket * units;
    total += weight;
    for (let i = 0; i < units; i++) out[i] = (out[i] as number) + weight * (values[at + i] as number);
  }
  const shift = min * total;
  for (let i = 0; i < units; i++) out[i] = scale * (out[i] as number) + shift;
}
