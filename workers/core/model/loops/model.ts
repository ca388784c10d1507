import { sizeOf } from "#core/input/index.ts";
import { EngineError, type LoadedModel, type Tensor } from "../engine.ts";
import { type ModelJson, weightsOf } from "../tfjs/model-json.ts";
import { type Layer, layerOf } from "./layers.ts";
import { type Stored, storedWeights } from "./stored.ts";
import { loopTopology, type Topology } from "./topology.ts";

/**
 * The most products of a row that loops compute. TensorFlow.js takes some 0.1 ms before its first product, and half the time
 * for each.
 */
export const loopMaxProducts = 32_768;

/** Rows that are computed at a time, so that what is between layers stays small. */
const chunkRows = 64;

/** A layer in a model: the places of its inputs among the model's values, in the order of inputs and layers. */
interface Step extends Layer {
  name: string;
  from: number[];
  /** Its output for a chunk of rows. */
  out: Float32Array;
}

/**
 * Loads a layers model of dense layers and embedding bags into loops over its weights: TensorFlow.js takes several times as
 * long for a few thousand products. Null for any other model, which TensorFlow.js runs, or refuses with the reason.
 */
export function loadLoops(file: ModelJson, shards: readonly ArrayBuffer[]): LoadedModel | null {
  const topology = loopTopology(file.modelTopology);
  const stored = topology && storedWeights(weightsOf(file), shards);
  const steps = stored && stepsOf(topology, stored);
  if (!steps) return null;
  const hasBag = topology.layers.some(({ kind }) => kind.class_name === "EmbeddingBag");
  const products = steps.reduce((sum, step) => sum + step.products, 0);
  // Nothing else computes a bag as fast.
  if (products > loopMaxProducts && !hasBag) return null;
  const { inputs } = topology;
  const infoOf = (name: string, shape: readonly number[]) => ({
    name,
    shape: [-1, ...shape],
    dtype: "float32" as const,
  });
  const shapeOf = (name: string) => [...inputs, ...steps].find((one) => one.name === name)?.shape ?? [];
  return {
    inputs: inputs.map(({ name, shape }) => infoOf(name, shape)),
    outputs: topology.outputs.map((name) => infoOf(name, shapeOf(name))),
    bytes: steps.reduce((sum, { bytes, out }) => sum + bytes + out.byteLength, 0),
    run: (given, tensors) => run(inputs, steps, given, tensors),
    release: () => {},
  };
}

/** Builds the layers, each with its weights; null where one is not for loops, or a weight is left over. */
function stepsOf({ inputs, layers }: Topology, stored: ReadonlyMap<string, Stored>): Step[] | null {
  const places = new Map(inputs.map(({ name }, i) => [name, i]));
  const shapes = inputs.map(({ shape }) => shape);
  const taken = new Set<string>();
  const take = (name: string, shape: readonly number[]) => {
    const found = stored.get(name);
    if (found?.shape.join() !== shape.join()) return null;
    taken.add(name);
    return found;
  };
  const steps: Step[] = [];
  for (const computed of layers) {
    const from = computed.from.map((name) => places.get(name) as number);
    const layer = layerOf(
      computed,
      from.map((place) => shapes[place] as number[]),
      take,
    );
    if (!layer) return null;
    places.set(computed.name, shapes.length);
    shapes.push(layer.shape);
    steps.push({ ...layer, name: computed.name, from, out: new Float32Array(chunkRows * sizeOf(layer.shape)) });
  }
  return taken.size === stored.size ? steps : null;
}

function run(
  inputs: Topology["inputs"],
  steps: readonly Step[],
  given: Readonly<Record<string, Tensor>>,
  tensors: readonly string[],
): Tensor[] {
  const rows = given[inputs[0]?.name as string]?.shape[0] ?? 0;
  const values = inputs.map(({ name, shape }) => valuesOf(name, [rows, ...shape], given[name]));
  const wanted = tensors.map((name) => {
    const at = steps.findIndex((step) => step.name === name);
    const input = inputs.findIndex((one) => one.name === name);
    if (at < 0 && input < 0) throw new EngineError(`The model has no layer '${name}'.`);
    const { shape } = (steps[at] ?? inputs[input]) as { shape: number[] };
    const size = sizeOf(shape);
    return {
      at: at < 0 ? input : inputs.length + at,
      size,
      shape: [rows, ...shape],
      values: new Float32Array(rows * size),
    };
  });
  const sizes = inputs.map(({ shape }) => sizeOf(shape));
  for (let start = 0; start < rows; start += chunkRows) {
    const count = Math.min(chunkRows, rows - start);
    const known = values.map((all, i) =>
      all.subarray(start * (sizes[i] as number), (start + count) * (sizes[i] as number)),
    );
    for (const { from, apply, out } of steps) {
      apply(
        from.map((place) => known[place] as Float32Array),
        count,
        out,
      );
      known.push(out);
    }
    for (const { at, size, values: all } of wanted) {
      all.set((known[at] as Float32Array).subarray(0, count * size), start * size);
    }
  }
  return wanted.map(({ shape, values: all }) => ({ shape, values: all }));
}

function valuesOf(name: string, shape: readonly number[], given: Tensor | undefined): Float32Array {
  if (given?.shape.length === shape.length && given.shape.every((size, i) => size === shape[i])) {
    const { values } = given;
    return values instanceof Float32Array ? values : Float32Array.from(values);
  }
  throw new EngineError(`Input '${name}' must have shape [${shape}], not [${given?.shape}].`);
}
