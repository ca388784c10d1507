import * as tf from "@tensorflow/tfjs-core";
import { type Engine, EngineError } from "../engine.ts";
import { startBackend } from "./backend.ts";
import { type Activation, type DenseLayer, readTopology, type WeightSpec } from "./topology.ts";

interface Layer {
  kernel: tf.Tensor2D;
  bias: tf.Tensor1D | undefined;
  activation: Activation;
}

/** TensorFlow.js on its WASM backend with SIMD: the same module in workerd, Node and the browser. */
export async function tfjsEngine(): Promise<Engine> {
  await startBackend();
  return { name: "tfjs-wasm", load, liveTensors: () => tf.memory().numTensors };
}

const load: Engine["load"] = (spec, files, inputShape) => {
  if (spec.kind !== "tfjs-layers-model")
    throw new EngineError(`Error in load: kind '${spec.kind}' is not supported yet`);
  const { layers: dense, weights } = readTopology(files.topology);
  const values = tf.io.CompositeArrayBuffer.join(files.shards);
  const inputWidth = inputShape.reduce((product, dimension) => product * dimension, 1);
  const { width } = spec.embedding;
  const layers = withCleanup((made) => {
    const built = buildLayers(dense, weights, values, made);
    checkWidths(built, inputWidth, width);
    return built;
  });
  return {
    width,
    bytes: values.byteLength,
    embed: (input, rows) => embed(layers, input, rows, inputWidth),
    release: () => tf.dispose(layers.flatMap((layer) => [layer.kernel, ...(layer.bias ? [layer.bias] : [])])),
  };
};

function embed(layers: Layer[], input: Float32Array, rows: number, width: number): Float32Array {
  return tf.tidy(() => {
    let x = tf.tensor2d(input, [rows, width]);
    for (const { kernel, bias, activation } of layers) {
      // Only relu is fused into the product; the others follow it.
      const fusedActivation = activation === "relu" ? "relu" : "linear";
      x = tf.fused.matMul({ a: x, b: kernel, ...(bias ? { bias } : {}), activation: fusedActivation }) as tf.Tensor2D;
      if (activation === "sigmoid") x = tf.sigmoid(x);
      if (activation === "tanh") x = tf.tanh(x);
    }
    return x.dataSync() as Float32Array;
  });
}

function buildLayers(dense: DenseLayer[], specs: WeightSpec[], values: ArrayBuffer, made: tf.Tensor[]): Layer[] {
  const tensors = new Map<string, tf.Tensor>();
  let offset = 0;
  for (const { name, shape } of specs) {
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    if (offset + size * 4 > values.byteLength) {
      throw new EngineError(`Error in load: weight '${name}' ends beyond the shards' ${values.byteLength} bytes`);
    }
    const tensor = tf.tensor(new Float32Array(values.slice(offset, offset + size * 4)), shape);
    made.push(tensor);
    tensors.set(name, tensor);
    offset += size * 4;
  }
  return dense.map(({ name, activation, useBias }) => ({
    kernel: weight<tf.Tensor2D>(tensors, `${name}/kernel`, 2),
    bias: useBias ? weight<tf.Tensor1D>(tensors, `${name}/bias`, 1) : undefined,
    activation,
  }));
}

function weight<T extends tf.Tensor>(tensors: Map<string, tf.Tensor>, name: string, rank: number): T {
  const tensor = tensors.get(name);
  if (!tensor || tensor.rank !== rank) {
    throw new EngineError(
      `Error in load: weight '${name}' must be of rank ${rank}, but got ${tensor?.shape ?? "none"}`,
    );
  }
  return tensor as T;
}

function checkWidths(layers: Layer[], inputWidth: number, embeddingWidth: number): void {
  let width = inputWidth;
  for (const [i, { kernel, bias }] of layers.entries()) {
    if (kernel.shape[0] !== width) {
      throw new EngineError(`Error in load: layer ${i} takes ${kernel.shape[0]} values, but ${width} come`);
    }
    width = kernel.shape[1];
    // A bias of one value would be spread over all units without a word.
    if (bias && bias.shape[0] !== width) {
      throw new EngineError(`Error in load: layer ${i} gives ${width} values, but its bias has ${bias.shape[0]}`);
    }
  }
  if (width === embeddingWidth) return;
  throw new EngineError(
    `Error in load: the embedding must be ${embeddingWidth} wide, but the last layer gives ${width}`,
  );
}

function withCleanup<T>(build: (made: tf.Tensor[]) => T): T {
  const made: tf.Tensor[] = [];
  try {
    return build(made);
  } catch (error) {
    tf.dispose(made);
    throw error;
  }
}
