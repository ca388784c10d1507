import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import type { ModelFiles, Tensor } from "#core/model/engine.ts";
import { seeded, uniform } from "./random.ts";
import { savedModel } from "./saved-model.ts";

const {
  dense,
  conv2d,
  lstm,
  flatten,
  add,
  globalAveragePooling2d,
  bidirectional,
  timeDistributed,
  batchNormalization,
} = layers.layers;

let seed = 0;
const initial = () => ({
  kernelInitializer: layers.initializers.glorotUniform({ seed: ++seed }),
  biasInitializer: layers.initializers.randomUniform({ minval: -0.3, maxval: 0.3, seed: ++seed }),
});
// TensorFlow.js's orthogonal initialiser needs operations that are not loaded here.
const recurrent = () => ({
  ...initial(),
  recurrentInitializer: layers.initializers.glorotUniform({ seed: ++seed }),
});
const symbolic = (found: unknown) => found as layers.SymbolicTensor;

const all = {
  "a model as the last layer": () => {
    const trunk = layers.sequential({
      name: "trunk",
      layers: [conv2d({ ...initial(), filters: 4, kernelSize: 3, inputShape: [6, 6, 2] }), globalAveragePooling2d({})],
    });
    return layers.sequential({ layers: [trunk, classifier("top")] });
  },
  "models in models in models": () => {
    const input = layers.input({ shape: [6, 6, 2] });
    const seen = conv2d({ ...initial(), filters: 4, kernelSize: 3 }).apply(input);
    const network = layers.model({
      name: "network",
      inputs: input,
      outputs: symbolic(batchNormalization().apply(seen)),
    });
    const trunk = layers.sequential({ name: "trunk", layers: [network, globalAveragePooling2d({})] });
    const middle = layers.sequential({
      name: "middle",
      layers: [classifier("inner"), dense({ ...initial(), units: 5 })],
    });
    const outer = layers.input({ shape: [6, 6, 2] });
    return layers.model({
      inputs: outer,
      outputs: symbolic(middle.apply(trunk.apply(outer) as layers.SymbolicTensor)),
    });
  },
  "a model applied twice in the middle": () => {
    const [left, right] = [layers.input({ shape: [4] }), layers.input({ shape: [4] })];
    const tower = layers.sequential({ name: "tower", layers: [dense({ ...initial(), units: 6, inputShape: [4] })] });
    const towers = [left, right].map((input) => symbolic(tower.apply(input)));
    return layers.model({ inputs: [left, right], outputs: symbolic(dense(initial3()).apply(add().apply(towers))) });
  },
  "a layer applied twice, the second output": () => {
    const input = layers.input({ shape: [4] });
    const loop = dense({ ...initial(), units: 4, activation: "tanh", name: "loop" });
    return layers.model({ inputs: input, outputs: symbolic(loop.apply(symbolic(loop.apply(input)))) });
  },
  "a layer applied twice, both outputs": () => {
    const [left, right] = [layers.input({ shape: [4] }), layers.input({ shape: [4] })];
    const shared = dense({ ...initial3(), name: "shared" });
    return layers.model({
      inputs: [left, right],
      outputs: [left, right].map((input) => symbolic(shared.apply(input))),
    });
  },
  "a layer with several outputs": () => {
    const input = layers.input({ shape: [5, 3] });
    const outputs = lstm({ ...recurrent(), units: 4, returnState: true, name: "states" }).apply(input);
    return layers.model({ inputs: input, outputs: outputs as layers.SymbolicTensor[] });
  },
  "the state of one layer as another's": () => {
    const input = layers.input({ shape: [5, 3] });
    const [, h, c] = lstm({ ...recurrent(), units: 4, returnState: true, name: "encoder" }).apply(
      input,
    ) as layers.SymbolicTensor[];
    const decoder = lstm({ ...recurrent(), units: 4, name: "decoder" });
    return layers.model({
      inputs: input,
      outputs: symbolic(decoder.apply(input, { initialState: [h, c] as layers.SymbolicTensor[] })),
    });
  },
  "wrapped layers": () => {
    const both = bidirectional({
      layer: lstm({ ...recurrent(), units: 3, returnSequences: true }),
      inputShape: [5, 3],
    });
    const each = timeDistributed({ layer: dense(initial3()) });
    return layers.sequential({ layers: [both, each, flatten()] });
  },
  "names with other characters": () => {
    const input = layers.input({ shape: [4], name: "block/in" });
    const hidden = dense({ ...initial(), units: 4, name: "block/a.b-c" }).apply(input);
    return layers.model({ inputs: input, outputs: symbolic(dense({ ...initial3(), name: "x/y/z" }).apply(hidden)) });
  },
  "a stateful layer": () => {
    const first = lstm({ ...recurrent(), units: 4, stateful: true, batchInputShape: [1, 3, 2] });
    return layers.sequential({ layers: [first, dense({ ...initial(), units: 2 })] });
  },
} satisfies Record<string, () => layers.LayersModel>;

/** Layers models whose tensors a layer's name alone does not name. */
export const layerModels: Record<keyof typeof all, () => layers.LayersModel> = all;

function initial3() {
  return { ...initial(), units: 3 };
}

function classifier(name: string): layers.Sequential {
  const hidden = dense({ ...initial(), units: 6, activation: "relu", inputShape: [4], name: `${name}_hidden` });
  return layers.sequential({ name, layers: [hidden, dense({ ...initial3(), activation: "softmax" })] });
}

/** Builds a model on the CPU backend, with the same weights each time. */
export async function onCpu<T>(make: () => T | Promise<T>): Promise<T> {
  const before = tf.getBackend();
  await tf.setBackend("cpu");
  seed = 0;
  try {
    return await make();
  } finally {
    if (before) await tf.setBackend(before);
  }
}

/** The files of a model, with other weights or another topology where told. */
export async function filesOf(
  model: layers.LayersModel,
  change: (json: { modelTopology: Record<string, unknown>; weightsManifest: Manifest }) => object = (json) => json,
): Promise<ModelFiles> {
  const { modelTopology, weightSpecs, values } = await savedModel(model);
  const json = change({ modelTopology, weightsManifest: [{ paths: ["weights.bin"], weights: weightSpecs }] });
  return { topology: new TextEncoder().encode(JSON.stringify(json)).buffer as ArrayBuffer, shards: [values] };
}

/** The weights manifest of a model.json. */
export type Manifest = { paths: string[]; weights: tf.io.WeightsManifestEntry[] }[];

/** Draws values for a model's inputs, by the names of its input layers. */
export function valuesFor({ inputs }: layers.LayersModel, rows: number): Record<string, Tensor> {
  const random = seeded(11);
  const named = inputs.map(({ shape, sourceLayer }): [string, Tensor] => {
    const own = [rows, ...(shape.slice(1) as number[])];
    return [
      sourceLayer.name,
      {
        shape: own,
        values: uniform(
          random,
          own.reduce((a, b) => a * b, 1),
        ),
      },
    ];
  });
  return Object.fromEntries(named);
}

/** Runs a model, or up to some of its tensors, as plain TensorFlow.js does on its CPU backend. */
export function plainly(
  model: layers.LayersModel,
  given: Record<string, Tensor>,
  outputs: layers.SymbolicTensor[] = model.outputs,
): Promise<number[][]> {
  return onCpu(() => {
    const inputs = model.inputs.map(({ sourceLayer }) => {
      const { values, shape } = given[sourceLayer.name] as Tensor;
      return tf.tensor(values, shape);
    });
    const found = layers.model({ inputs: model.inputs, outputs }).predict(inputs);
    return [found].flat().map((tensor) => Array.from(tensor.dataSync()));
  });
}
