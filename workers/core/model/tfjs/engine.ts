import * as tf from "@tensorflow/tfjs-core";
import { sizeOf } from "../../input/index.ts";
import { type Engine, EngineError } from "../engine.ts";
import { startBackend } from "./backend.ts";
import { readGraphModel } from "./graph-model.ts";
import { readLayersModel } from "./layers-model.ts";
import { readModelJson, weightsOf } from "./model-json.ts";
import { bind, type Run } from "./steps.ts";
import { inputsInOrder, type Topology } from "./topology.ts";
import { expandedBytes, readWeights } from "./weights.ts";

/** TensorFlow.js on its WASM backend with SIMD: the same module in workerd, Node and the browser. */
export async function tfjsEngine(): Promise<Engine> {
  await startBackend();
  return { name: "tfjs-wasm", load, liveTensors: () => tf.memory().numTensors };
}

/** A network in memory. */
interface Network {
  /** The shape of each input, without the batch. */
  inputs: { name: string; shape: number[]; size: number }[];
  steps: { name: string; inputs: string[]; run: Run }[];
  output: string;
}

const load: Engine["load"] = (spec, files, inputShapes) => {
  const { width, tensor } = spec.embedding;
  const file = readModelJson(files.topology);
  const values = tf.io.CompositeArrayBuffer.join(files.shards);
  const topology = spec.kind === "tfjs-graph-model" ? readGraphModel(file, values, tensor) : readLayersModel(file);
  const tensors = readWeights(weightsOf(file), values);
  try {
    const network = build(topology, tensors, inputShapes);
    checkWidth(network, width);
    return {
      width,
      bytes: expandedBytes(weightsOf(file)),
      embed: (values, rows) => embed(network, values, rows),
      release: () => tf.dispose([...tensors.values()]),
    };
  } catch (error) {
    tf.dispose([...tensors.values()]);
    throw error;
  }
};

function build(topology: Topology, tensors: Map<string, tf.Tensor>, inputShapes: readonly number[][]): Network {
  const { steps, output } = topology;
  const inputs = inputsInOrder(topology.inputs, inputShapes);
  if (topology.inputs.length !== inputShapes.length) {
    throw new EngineError(
      `Error in load: the network takes ${topology.inputs.length} inputs, but the manifest's input gives ${inputShapes.length}`,
    );
  }
  return {
    inputs: inputs.map(({ name, shape }, i) => {
      const given = inputShapes[i] as number[];
      const size = sizeOf(given);
      if (shape && sizeOf(shape) !== size) {
        throw new EngineError(`Error in load: input '${name}' takes shape [${shape}], but [${given}] comes`);
      }
      // Dense layers take their values in a row.
      const isRow = steps.some((step) => step.inputs.includes(name) && step.operation.type === "dense");
      return { name, shape: shape ?? (isRow ? [size] : given), size };
    }),
    steps: steps.map((step) => ({ name: step.name, inputs: step.inputs, run: bind(step, tensors) })),
    output,
  };
}

// Run once on zeros: TensorFlow.js itself checks every shape on the way.
function checkWidth(network: Network, width: number): void {
  const size = network.inputs.reduce((sum, input) => sum + input.size, 0);
  const found = tf.tidy(() => {
    try {
      return forward(network, new Float32Array(size), 1).shape;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new EngineError(`Error in load: the layers do not fit together: ${reason}`, { cause });
    }
  });
  if (found.length === 2 && found[1] === width) return;
  throw new EngineError(`Error in load: the embedding must be ${width} wide, but the last layer gives [${found}]`);
}

function embed(network: Network, values: Float32Array, rows: number): Float32Array {
  return tf.tidy(() => forward(network, values, rows).dataSync() as Float32Array);
}

function forward({ inputs, steps, output }: Network, values: Float32Array, rows: number): tf.Tensor {
  const known = new Map<string, tf.Tensor>();
  const width = inputs.reduce((sum, { size }) => sum + size, 0);
  let offset = 0;
  for (const { name, shape, size } of inputs) {
    known.set(name, tf.tensor(columnsOf(values, rows, width, offset, size), [rows, ...shape]));
    offset += size;
  }
  for (const { name, inputs: from, run } of steps) {
    known.set(name, run(from.map((input) => known.get(input) as tf.Tensor)));
  }
  return known.get(output) as tf.Tensor;
}

// The part of each row that is one input's.
function columnsOf(values: Float32Array, rows: number, width: number, offset: number, size: number): Float32Array {
  if (size === width) return values;
  if (rows === 1) return values.subarray(offset, offset + size);
  const out = new Float32Array(rows * size);
  for (let row = 0; row < rows; row++) {
    out.set(values.subarray(row * width + offset, row * width + offset + size), row * size);
  }
  return out;
}
