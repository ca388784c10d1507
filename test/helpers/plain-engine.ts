import { type Engine, EngineError } from "../../workers/core/model/engine.ts";
import { readGraphModel } from "../../workers/core/model/tfjs/graph-model.ts";
import { readLayersModel } from "../../workers/core/model/tfjs/layers-model.ts";
import { readModelJson, type WeightSpec, weightsOf } from "../../workers/core/model/tfjs/model-json.ts";
import { type Activation, inputsInOrder, type Step, type WeightPart } from "../../workers/core/model/tfjs/topology.ts";

/** Values of one row, with their shape. */
interface Values {
  shape: number[];
  data: Float64Array;
}

type Weight = (part: WeightPart) => Values;

/** A second engine, in plain loops: it shows that another one can take TensorFlow.js's place, and is its oracle. */
export const plainEngine: Engine = {
  name: "plain",
  load(spec, files, inputShapes) {
    const file = readModelJson(files.topology);
    const bytes = joined(files.shards);
    const weights = weightsOf(file);
    const isGraph = spec.kind === "tfjs-graph-model";
    const topology = isGraph ? readGraphModel(file, bytes.buffer, spec.embedding.tensor) : readLayersModel(file);
    const { steps, output } = topology;
    const inputs = inputsInOrder(topology.inputs, inputShapes);
    const known = readWeights(weights, bytes);
    const weightOf = (step: Step) => (part: WeightPart) => {
      const found = known.get(step.weights[part] ?? "");
      if (!found) throw new EngineError(`weight '${step.name}/${part}' is missing`);
      return found;
    };
    const forward = (row: Float32Array) => {
      const values = new Map<string, Values>();
      let offset = 0;
      for (const [i, { name, shape }] of inputs.entries()) {
        const given = inputShapes[i] as number[];
        values.set(name, {
          shape: shape ?? given,
          data: Float64Array.from(row.subarray(offset, offset + size(given))),
        });
        if (size(shape ?? given) !== size(given)) throw new EngineError(`input '${name}'`);
        offset += size(given);
      }
      for (const step of steps) {
        const from = step.inputs.map((name) => values.get(name) as Values);
        values.set(step.name, apply(step, from, weightOf(step)));
      }
      return (values.get(output) as Values).data;
    };
    const inputWidth = inputShapes.reduce((sum, shape) => sum + size(shape), 0);
    const { width } = spec.embedding;
    const found = forward(new Float32Array(inputWidth)).length;
    if (found !== width) throw new EngineError(`embedding ${found} wide, not ${width}`);
    return {
      width,
      bytes: weights.reduce((sum, { shape }) => sum + 4 * size(shape), 0),
      embed: (values, rows) => {
        const out = new Float32Array(rows * width);
        for (let row = 0; row < rows; row++) {
          out.set(forward(values.subarray(row * inputWidth, (row + 1) * inputWidth)), row * width);
        }
        return out;
      },
      release: () => {},
    };
  },
  liveTensors: () => 0,
};

function apply({ operation }: Step, inputs: Values[], weight: Weight): Values {
  const [x] = inputs as [Values];
  const bias = (useBias: boolean) => (useBias ? weight("bias") : null);
  switch (operation.type) {
    case "dense":
      return activated(operation.activation, dense(x, weight("kernel"), bias(operation.useBias)));
    case "conv":
      return activated(operation.activation, slide(x, operation, weight("kernel"), bias(operation.useBias)));
    case "depthwiseConv": {
      const filter = spread(weight("depthwise_kernel"));
      return activated(operation.activation, slide(x, operation, filter, bias(operation.useBias)));
    }
    case "separableConv": {
      const each = slide(x, operation, spread(weight("depthwise_kernel")), null);
      const all = { strides: [1, 1] as [number, number], padding: "valid" as const };
      return activated(operation.activation, slide(each, all, weight("pointwise_kernel"), bias(operation.useBias)));
    }
    case "maxPool":
      return slide(x, operation, { shape: [...operation.size, 0, 0], data: new Float64Array() }, null);
    case "globalAveragePool":
      return meanOfPixels(x);
    case "batchNorm": {
      const part = (name: WeightPart, isThere: boolean, otherwise: number) =>
        isThere ? weight(name).data : x.data.map(() => otherwise);
      const [mean, variance] = [weight("moving_mean").data, weight("moving_variance").data];
      const [gamma, beta] = [part("gamma", operation.scale, 1), part("beta", operation.center, 0)];
      const { axis } = operation;
      if (axis !== -1 && axis !== x.shape.length) throw new EngineError(`over the last axis, not ${axis}`);
      const channels = mean.length;
      const data = x.data.map((value, i) => {
        const c = i % channels;
        const standard = (value - (mean[c] as number)) / Math.sqrt((variance[c] as number) + operation.epsilon);
        return standard * (gamma[c] as number) + (beta[c] as number);
      });
      return { ...x, data };
    }
    case "flatten":
      return { ...x, shape: [x.data.length] };
    case "reshape": {
      const known = size(operation.shape.filter((dimension) => dimension > 0));
      return { ...x, shape: operation.shape.map((dimension) => (dimension > 0 ? dimension : x.data.length / known)) };
    }
    case "concat":
      return {
        shape: [inputs.reduce((sum, { data }) => sum + data.length, 0)],
        data: Float64Array.from(inputs.flatMap(({ data }) => [...data])),
      };
    case "add":
      return elementwise(inputs, (a, b) => a + b);
    case "subtract":
      return elementwise(inputs, (a, b) => a - b);
    case "multiply":
      return elementwise(inputs, (a, b) => a * b);
    case "activation":
      return activated(operation.activation, x);
    case "identity":
      return x;
    case "constant":
      return weight("value");
  }
}

// The smaller one is repeated along the last dimensions.
function elementwise(inputs: Values[], combine: (a: number, b: number) => number): Values {
  return inputs.reduce((a, b) => {
    const { shape, data } = a.data.length >= b.data.length ? a : b;
    const at = (values: Values, i: number) => values.data[i % values.data.length] as number;
    return { shape, data: Float64Array.from(data, (_, i) => combine(at(a, i), at(b, i))) };
  });
}

function meanOfPixels({ shape, data }: Values): Values {
  const [height, width, channels] = shape as [number, number, number];
  const means = new Float64Array(channels);
  for (const [i, value] of data.entries()) means[i % channels] = (means[i % channels] as number) + value;
  return { shape: [channels], data: means.map((sum) => sum / (height * width)) };
}

// Filters [height, width, channels, multiplier] for each channel as filters over all of them, zero for the others.
function spread({ shape, data }: Values): Values {
  const [tall, wide, channels, multiplier] = shape as [number, number, number, number];
  const filters = channels * multiplier;
  const out = new Float64Array(tall * wide * channels * filters);
  for (const [i, value] of data.entries()) {
    const [place, own] = [Math.floor(i / filters), i % filters];
    out[(place * channels + Math.floor(own / multiplier)) * filters + own] = value;
  }
  return { shape: [tall, wide, channels, filters], data: out };
}

function dense(x: Values, kernel: Values, bias: Values | null): Values {
  const [from, units] = kernel.shape as [number, number];
  if (from !== x.data.length) throw new EngineError(`${x.data.length} values come, ${from} are taken`);
  if (bias && bias.data.length !== units) throw new EngineError(`${units} units, ${bias.data.length} biases`);
  const data = Float64Array.from({ length: units }, (_, unit) =>
    x.data.reduce((sum, value, i) => sum + value * (kernel.data[i * units + unit] as number), bias?.data[unit] ?? 0),
  );
  return { shape: [units], data };
}

/** A window over an image: a convolution with filters [height, width, channels, filters], or the largest where there are none. */
function slide(
  { shape: [height = 0, width = 0, channels = 0], data }: Values,
  { strides: [down, right], padding }: { strides: [number, number]; padding: "same" | "valid" },
  { shape: [tall = 0, wide = 0, , filters = 0], data: kernel }: Values,
  bias: Values | null,
): Values {
  const span = (from: number, window: number, stride: number) =>
    padding === "same" ? Math.ceil(from / stride) : Math.floor((from - window) / stride) + 1;
  const before = (from: number, window: number, stride: number) =>
    padding === "same" ? Math.floor(Math.max(0, (span(from, window, stride) - 1) * stride + window - from) / 2) : 0;
  const shape = [span(height, tall, down), span(width, wide, right), filters || channels];
  const out: number[] = [];
  for (let y = 0; y < (shape[0] as number); y++) {
    for (let x = 0; x < (shape[1] as number); x++) {
      for (let to = 0; to < (shape[2] as number); to++) {
        let sum = bias?.data[to] ?? 0;
        let top = Number.NEGATIVE_INFINITY;
        for (let i = 0; i < tall; i++) {
          for (let j = 0; j < wide; j++) {
            const row = y * down + i - before(height, tall, down);
            const column = x * right + j - before(width, wide, right);
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            const at = (row * width + column) * channels;
            top = Math.max(top, data[at + to] ?? Number.NEGATIVE_INFINITY);
            for (let c = 0; filters > 0 && c < channels; c++) {
              sum += (data[at + c] as number) * (kernel[((i * wide + j) * channels + c) * filters + to] as number);
            }
          }
        }
        out.push(filters > 0 ? sum : top);
      }
    }
  }
  return { shape, data: Float64Array.from(out) };
}

const functions: Record<Activation, (x: number) => number> = {
  linear: (x) => x,
  relu: (x) => Math.max(0, x),
  relu6: (x) => Math.min(6, Math.max(0, x)),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
};

function activated(activation: Activation, { shape, data }: Values): Values {
  return { shape, data: data.map(functions[activation]) };
}

function readWeights(specs: readonly WeightSpec[], bytes: DataView): Map<string, Values> {
  let offset = 0;
  const read = ({ dtype, quantization }: WeightSpec): number => {
    const stored = quantization?.dtype ?? dtype;
    const at = offset;
    offset += { float32: 4, int32: 4, float16: 2, uint16: 2, uint8: 1 }[stored];
    if (offset > bytes.byteLength) throw new EngineError("a weight is cut off");
    if (stored === "int32") return bytes.getInt32(at, true);
    if (stored === "float32") return bytes.getFloat32(at, true);
    if (stored === "float16") return half(bytes.getUint16(at, true));
    const { scale, min } = quantization as { scale: number; min: number };
    return Math.fround((stored === "uint8" ? bytes.getUint8(at) : bytes.getUint16(at, true)) * scale + min);
  };
  return new Map(
    specs.map((spec) => [
      spec.name,
      { shape: spec.shape, data: Float64Array.from({ length: size(spec.shape) }, () => read(spec)) },
    ]),
  );
}

// IEEE 754 binary16: sign, five bits of exponent, ten of fraction.
function half(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

function joined(shards: ArrayBuffer[]): DataView<ArrayBuffer> {
  const bytes = new Uint8Array(shards.reduce((sum, shard) => sum + shard.byteLength, 0));
  let offset = 0;
  for (const shard of shards) {
    bytes.set(new Uint8Array(shard), offset);
    offset += shard.byteLength;
  }
  return new DataView(bytes.buffer);
}
