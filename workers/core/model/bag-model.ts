import * as z from "zod";
import { sizeOf } from "../input/index.ts";
import { EngineError, type LoadedModel, type Tensor, type TensorInfo } from "./engine.ts";
import { type ModelJson, type WeightSpec, weightsOf } from "./tfjs/model-json.ts";
import { storedBytes } from "./tfjs/weights.ts";

/** Values in stored form: value = scale · stored + min. */
interface Stored {
  values: Float32Array | Uint8Array | Uint16Array;
  scale: number;
  min: number;
}

/** A layer: the layers whose outputs it takes, its width, and how it computes a row of its output. */
interface Step {
  name: string;
  from: string[];
  width: number;
  apply: (inputs: readonly Float32Array[], out: Float32Array) => void;
}

const inbound = z
  .array(z.array(z.tuple([z.string()]).rest(z.unknown())))
  .transform((calls) => (calls[0] ?? []).map(([name]) => name));
const layerSchema = z.discriminatedUnion("class_name", [
  z.object({
    class_name: z.literal("InputLayer"),
    name: z.string(),
    config: z.object({ batch_input_shape: z.tuple([z.null()]).rest(z.int().positive()) }),
  }),
  z.object({
    class_name: z.literal("EmbeddingBag"),
    name: z.string(),
    config: z.object({ buckets: z.int().positive(), units: z.int().positive() }),
    inbound_nodes: inbound,
  }),
  z.object({ class_name: z.literal("Concatenate"), name: z.string(), inbound_nodes: inbound }),
  z.object({
    class_name: z.literal("Dense"),
    name: z.string(),
    config: z.object({
      units: z.int().positive(),
      activation: z.enum(["linear", "relu"]),
      use_bias: z.literal(true),
    }),
    inbound_nodes: inbound,
  }),
]);
const topologySchema = z.object({ config: z.object({ layers: z.array(layerSchema) }) });

/**
 * Loads a layers model that sums embedding bags, into loops over its stored weights: TensorFlow.js takes several times as
 * long for a few thousand products, and four times the memory. Null for a model of other layers, which TensorFlow.js runs.
 */
export function loadBagModel(file: ModelJson, values: ArrayBuffer): LoadedModel | null {
  const topology = topologySchema.safeParse(file.modelTopology);
  if (!topology.success) return null;
  const { layers } = topology.data.config;
  if (!layers.some((layer) => layer.class_name === "EmbeddingBag")) return null;
  const stored = storedWeights(weightsOf(file), values);
  const inputs: TensorInfo[] = [];
  const widths = new Map<string, number>();
  const steps: Step[] = [];
  for (const layer of layers) {
    const { name } = layer;
    if (layer.class_name === "InputLayer") {
      const shape = layer.config.batch_input_shape.slice(1) as number[];
      inputs.push({ name, shape: [-1, ...shape], dtype: "float32" });
      widths.set(name, sizeOf(shape));
      continue;
    }
    const given = layer.inbound_nodes.map((from) => {
      const width = widths.get(from);
      if (width === undefined) throw new EngineError(`Layer '${name}' of the model takes an unknown layer '${from}'.`);
      return width;
    });
    const step = { name, from: layer.inbound_nodes, ...stepOf(layer, given, stored) };
    widths.set(name, step.width);
    steps.push(step);
  }
  const last = steps.at(-1) as Step;
  return {
    inputs,
    outputs: [{ name: last.name, shape: [-1, last.width], dtype: "float32" }],
    bytes: values.byteLength,
    run: (given, tensors) => run(inputs, steps, given, tensors),
    release: () => {},
  };
}

function stepOf(
  layer: Exclude<z.infer<typeof layerSchema>, { class_name: "InputLayer" }>,
  given: readonly number[],
  stored: ReadonlyMap<string, { shape: number[]; values: Stored }>,
): Pick<Step, "width" | "apply"> {
  const weight = (part: string, shape: number[]): Stored => {
    const found = stored.get(`${layer.name}/${part}`);
    if (found?.shape.join() === shape.join()) return found.values;
    throw new EngineError(`Weight '${layer.name}/${part}' of the model must have shape [${shape}].`);
  };
  switch (layer.class_name) {
    case "EmbeddingBag": {
      const { buckets, units } = layer.config;
      const table = weight("table", [buckets, units]);
      return { width: units, apply: ([input], out) => sumBag(table, buckets, input as Float32Array, out) };
    }
    case "Concatenate":
      return {
        width: given.reduce((sum, width) => sum + width, 0),
        apply: (inputs, out) => {
          let at = 0;
          for (const input of inputs) {
            out.set(input, at);
            at += input.length;
          }
        },
      };
    case "Dense": {
      const { units, activation } = layer.config;
      const [kernel, bias] = [
        expanded(weight("kernel", [given[0] as number, units])),
        expanded(weight("bias", [units])),
      ];
      return {
        width: units,
        apply: ([input], out) => applyDense(kernel, bias, activation, input as Float32Array, out),
      };
    }
  }
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

function applyDense(
  kernel: Float32Array,
  bias: Float32Array,
  activation: "linear" | "relu",
  input: Float32Array,
  out: Float32Array,
): void {
  const units = out.length;
  out.set(bias);
  for (let from = 0; from < input.length; from++) {
    const value = input[from] as number;
    if (value === 0) continue;
    const at = from * units;
    for (let i = 0; i < units; i++) out[i] = (out[i] as number) + value * (kernel[at + i] as number);
  }
  if (activation === "relu") for (let i = 0; i < units; i++) if ((out[i] as number) < 0) out[i] = 0;
}

function run(
  inputs: readonly TensorInfo[],
  steps: readonly Step[],
  given: Readonly<Record<string, Tensor>>,
  tensors: readonly string[],
): Tensor[] {
  const rows = given[inputs[0]?.name as string]?.shape[0] ?? 0;
  for (const { name, shape } of inputs) {
    const own = given[name]?.shape;
    if (own && own.length === shape?.length && own.every((size, i) => size === (i === 0 ? rows : shape[i]))) continue;
    throw new EngineError(`Input '${name}' must have shape [${[rows, ...(shape ?? []).slice(1)]}], not [${own}].`);
  }
  const found = tensors.map((name) => {
    const step = steps.find((one) => one.name === name);
    if (!step) throw new EngineError(`The model has no layer '${name}'.`);
    return { shape: [rows, step.width], values: new Float32Array(rows * step.width) };
  });
  for (let row = 0; row < rows; row++) {
    const known = new Map<string, Float32Array>();
    for (const { name } of inputs) {
      const all = (given[name] as Tensor).values as Float32Array;
      known.set(name, all.subarray((row * all.length) / rows, ((row + 1) * all.length) / rows));
    }
    for (const { name, from, width, apply } of steps) {
      const out = new Float32Array(width);
      apply(
        from.map((one) => known.get(one) as Float32Array),
        out,
      );
      known.set(name, out);
    }
    for (const [i, name] of tensors.entries()) {
      const tensor = found[i] as { values: Float32Array };
      const values = known.get(name) as Float32Array;
      tensor.values.set(values, row * values.length);
    }
  }
  return found;
}

function storedWeights(
  specs: readonly WeightSpec[],
  bytes: ArrayBuffer,
): Map<string, { shape: number[]; values: Stored }> {
  let offset = 0;
  return new Map(
    specs.map((spec) => {
      const size = storedBytes(spec);
      // Copied, since an offset need not be a multiple of the size of a value.
      const own = bytes.slice(offset, offset + size);
      offset += size;
      return [spec.name, { shape: spec.shape, values: viewOf(spec, own) }];
    }),
  );
}

function viewOf({ name, quantization, dtype }: WeightSpec, bytes: ArrayBuffer): Stored {
  if (dtype !== "float32") throw new EngineError(`Weight '${name}' of the model must be float32, not ${dtype}.`);
  switch (quantization?.dtype) {
    case undefined:
      return { values: new Float32Array(bytes), scale: 1, min: 0 };
    case "float16":
      return { values: Float32Array.from(new Uint16Array(bytes), halfToFloat), scale: 1, min: 0 };
    case "uint8":
    case "uint16": {
      const { scale, min } = quantization;
      return { values: new (quantization.dtype === "uint8" ? Uint8Array : Uint16Array)(bytes), scale, min };
    }
  }
}

function expanded({ values, scale, min }: Stored): Float32Array {
  return Float32Array.from(values, (value) => scale * value + min);
}

function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}
