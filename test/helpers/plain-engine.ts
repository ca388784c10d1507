import { type Engine, EngineError } from "../../workers/core/model/engine.ts";
import {
  type Activation,
  type DenseLayer,
  readTopology,
  type WeightSpec,
} from "../../workers/core/model/tfjs/topology.ts";

interface Layer extends DenseLayer {
  kernel: Float32Array;
  bias: Float32Array;
}

/** A second engine, in plain loops: it shows that another one can take TensorFlow.js's place. */
export const plainEngine: Engine = {
  name: "plain",
  load(spec, files, inputShape) {
    if (spec.kind !== "tfjs-layers-model") throw new EngineError(`kind '${spec.kind}'`);
    const { layers: dense, weights } = readTopology(files.topology);
    const layers = withWeights(dense, weights, joined(files.shards));
    const inputWidth = inputShape.reduce((product, dimension) => product * dimension, 1);
    const width = layers.reduce((from, { kernel, bias, units }) => {
      if (kernel.length !== from * units)
        throw new EngineError(`${from} values come, ${kernel.length / units} are taken`);
      if (bias.length !== units) throw new EngineError(`${units} units, ${bias.length} biases`);
      return units;
    }, inputWidth);
    if (width !== spec.embedding.width) throw new EngineError(`embedding ${width} wide, not ${spec.embedding.width}`);
    return {
      width,
      bytes: files.shards.reduce((sum, shard) => sum + shard.byteLength, 0),
      embed: (values, rows) => {
        const out = new Float32Array(rows * width);
        for (let row = 0; row < rows; row++) {
          out.set(forward(layers, values.subarray(row * inputWidth, (row + 1) * inputWidth)), row * width);
        }
        return out;
      },
      release: () => {},
    };
  },
  liveTensors: () => 0,
};

function withWeights(dense: DenseLayer[], specs: WeightSpec[], values: Float32Array): Layer[] {
  let offset = 0;
  const named = new Map<string, Float32Array>();
  for (const { name, shape } of specs) {
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    if (offset + size > values.length) throw new EngineError(`weight '${name}' is cut off`);
    named.set(name, values.subarray(offset, offset + size));
    offset += size;
  }
  const weight = (name: string) => {
    const found = named.get(name);
    if (!found) throw new EngineError(`weight '${name}' is missing`);
    return found;
  };
  return dense.map((layer) => ({
    ...layer,
    kernel: weight(`${layer.name}/kernel`),
    bias: layer.useBias ? weight(`${layer.name}/bias`) : new Float32Array(layer.units),
  }));
}

const activate: Record<Activation, (x: number) => number> = {
  linear: (x) => x,
  relu: (x) => Math.max(0, x),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
};

function forward(layers: Layer[], input: Float32Array): Float32Array {
  return layers.reduce(
    (x, { kernel, bias, units, activation }) =>
      bias.map((start, unit) => {
        const sum = x.reduce((total, value, i) => total + value * (kernel[i * units + unit] as number), start);
        return activate[activation](sum);
      }),
    input,
  );
}

function joined(shards: ArrayBuffer[]): Float32Array {
  const bytes = new Uint8Array(shards.reduce((sum, shard) => sum + shard.byteLength, 0));
  let offset = 0;
  for (const shard of shards) {
    bytes.set(new Uint8Array(shard), offset);
    offset += shard.byteLength;
  }
  return new Float32Array(bytes.buffer.slice(0, Math.floor(bytes.byteLength / 4) * 4));
}
