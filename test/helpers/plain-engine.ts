import { type Engine, EngineError, type Tensor } from "#core/model/engine.ts";

interface DenseLayer {
  class_name: string;
  config: {
    name: string;
    units: number;
    activation: Activation;
    use_bias: boolean;
    batch_input_shape?: [null, number];
  };
}

/** The activations that the plain engine supports. */
export type Activation = "linear" | "relu" | "sigmoid" | "tanh";

/** A second engine, with dense layers in plain loops: it shows that engines are exchangeable, and is an oracle for TensorFlow.js. */
export const plainEngine: Engine = {
  name: "plain",
  async load(kind, files) {
    if (kind !== "tfjs-layers-model") throw new EngineError(`layers models, not ${kind}`);
    const { layers, width: inputWidth, specs } = readJson(files.topology);
    const weights = readWeights(specs, joined(files.shards));
    let width = inputWidth;
    const stack = layers.map(({ class_name, config: { name, units, activation, use_bias } }) => {
      if (class_name !== "Dense" || !(activation in functions)) throw new EngineError(`layer '${name}'`);
      const part = (weight: string, size: number) => {
        const found = weights.get(`${name}/${weight}`);
        if (found?.length === size) return found;
        throw new EngineError(`weight '${name}/${weight}': ${size} values, not ${found?.length}`);
      };
      const layer = {
        name,
        activation: functions[activation],
        kernel: part("kernel", width * units),
        bias: use_bias ? part("bias", units) : new Float64Array(units),
      };
      width = units;
      return layer;
    });
    const forward = (row: Float64Array, tensor: string): Float64Array => {
      let x = row;
      for (const { name, kernel, bias, activation } of stack) {
        const before = x;
        x = bias.map((start, unit) => {
          const sum = before.reduce((all, value, i) => all + value * (kernel[i * bias.length + unit] as number), start);
          return activation(sum);
        });
        if (name === tensor) return x;
      }
      throw new EngineError(`there is no layer '${tensor}'`);
    };
    return {
      inputs: [{ name: "input", shape: [-1, inputWidth], dtype: "float32" }],
      outputs: [{ name: stack.at(-1)?.name as string, shape: [-1, width], dtype: "float32" }],
      bytes: 4 * [...weights.values()].reduce((sum, { length }) => sum + length, 0),
      run: ({ input }, tensors) => {
        const { shape, values } = input as Tensor;
        const [rows] = shape as [number];
        return tensors.map((tensor) => {
          const all = Array.from({ length: rows }, (_, row) => [
            ...forward(Float64Array.from(values.subarray(row * inputWidth, (row + 1) * inputWidth)), tensor),
          ]);
          return { shape: [rows, all[0]?.length ?? 0], values: Float32Array.from(all.flat()) };
        });
      },
      release: () => {},
    };
  },
  liveTensors: () => 0,
};

interface Spec {
  name: string;
  shape: number[];
}

function readJson(bytes: ArrayBuffer): { layers: DenseLayer[]; width: number; specs: Spec[] } {
  try {
    const { modelTopology, weightsManifest } = JSON.parse(new TextDecoder().decode(bytes));
    const { layers } = (modelTopology.model_config ?? modelTopology).config;
    const width = layers.map(({ config }: DenseLayer) => config.batch_input_shape?.[1]).find(Boolean);
    return {
      layers: layers.filter((one: DenseLayer) => one.class_name !== "InputLayer"),
      width,
      specs: weightsManifest.flatMap((group: { weights: Spec[] }) => group.weights),
    };
  } catch (cause) {
    throw new EngineError("no model.json", { cause });
  }
}

const functions: Record<Activation, (x: number) => number> = {
  linear: (x) => x,
  relu: (x) => Math.max(0, x),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
};

function readWeights(specs: readonly Spec[], bytes: Uint8Array<ArrayBuffer>): Map<string, Float64Array> {
  let offset = 0;
  return new Map(
    specs.map(({ name, shape }) => {
      const size = shape.reduce((product, dimension) => product * dimension, 1);
      if (offset + 4 * size > bytes.length) throw new EngineError(`weight '${name}' is cut off`);
      const values = Float64Array.from(new Float32Array(bytes.buffer, offset, size));
      offset += 4 * size;
      return [name, values];
    }),
  );
}

function joined(shards: ArrayBuffer[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(shards.flatMap((shard) => [...new Uint8Array(shard)]));
}
