import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { beforeAll, describe, expect, it } from "vitest";
import type { LoadedModel, ModelFiles, Tensor } from "#core/model/engine.ts";
import { loadLoops, loopMaxProducts } from "#core/model/loops/model.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { EmbeddingBagLayer } from "#core/model/tfjs/embedding-bag.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { readModelJson } from "#core/model/tfjs/model-json.ts";
import { filesOf } from "#test/helpers/layer-models.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

const { dense, concatenate, dropout, reshape, flatten } = layers.layers;
const random = seeded(21);
const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1));
const oneOf = <T>(all: readonly T[]) => all[between(0, all.length - 1)] as T;
const names = ["linear", "relu", "sigmoid", "tanh"] as const;
const symbolic = (found: unknown) => found as layers.SymbolicTensor;

beforeAll(async () => {
  await tfjsEngine();
});

function randomDense(units = between(1, 40), activation: (typeof names)[number] | "softmax" = oneOf(names)) {
  return dense({
    ...{ units, activation, useBias: random() < 0.7 },
    kernelInitializer: layers.initializers.glorotUniform({ seed: between(1, 1e6) }),
    biasInitializer: layers.initializers.randomUniform({ minval: -0.5, maxval: 0.5, seed: between(1, 1e6) }),
  });
}

/** A row of layers, as Sequential or with inputs of its own. */
function chain(): layers.LayersModel {
  const width = between(1, 50);
  const all = Array.from({ length: between(1, 4) }, () => randomDense());
  if (random() < 0.3) all.push(dropout({ rate: 0.5 }) as never);
  if (random() < 0.3) all.push(randomDense(between(2, 9), "softmax"));
  if (random() < 0.5) {
    return layers.sequential({ layers: [layers.layers.inputLayer({ inputShape: [width] }), ...all] });
  }
  const input = layers.input({ shape: [width] });
  return layers.model({ inputs: input, outputs: symbolic(all.reduce((x, layer) => symbolic(layer.apply(x)), input)) });
}

/** Values, a region and the bags of texts, joined at some layer. */
function joined(): layers.LayersModel {
  const [values, region] = [layers.input({ shape: [between(1, 30)] }), layers.input({ shape: [between(1, 6)] })];
  const texts = Array.from({ length: between(0, 2) }, () => layers.input({ shape: [2, between(1, 20)] }));
  const sums = texts.map((text) => new EmbeddingBagLayer({ buckets: 64, units: between(1, 12) }).apply(text));
  const first = symbolic(randomDense().apply(values));
  const all = symbolic(concatenate().apply([first, region, ...sums.map(symbolic)]));
  const outputs = symbolic(randomDense().apply(symbolic(randomDense().apply(all))));
  return layers.model({ inputs: [values, region, ...texts], outputs });
}

/** Members side by side, as an ensemble has them. */
function members(): layers.LayersModel {
  const [size, units] = [between(2, 5), between(2, 9)];
  const input = layers.input({ shape: [between(2, 12)] });
  const first = symbolic(randomDense(size * units, "relu").apply(input));
  const apart = symbolic(reshape({ targetShape: [size, units] }).apply(first));
  return layers.model({ inputs: input, outputs: symbolic(flatten().apply(symbolic(randomDense().apply(apart)))) });
}

async function filesIn(model: layers.LayersModel): Promise<ModelFiles> {
  for (const layer of model.layers) {
    if (!(layer instanceof EmbeddingBagLayer)) continue;
    const { shape } = layer.weights[0] as unknown as { shape: [number, number] };
    layer.setWeights([tf.tensor2d(uniform(random, shape[0] * shape[1]), shape)]);
  }
  return filesOf(model);
}

/** Inputs of a model: numbers, or the buckets of a text and their weights, some of which are missing. */
function inputsOf({ inputs }: LoadedModel, rows: number): Record<string, Tensor> {
  return Object.fromEntries(
    inputs.map(({ name, shape }) => {
      const own = (shape ?? []).slice(1);
      const size = own.reduce((product, one) => product * one, 1);
      const isText = own.length === 2 && own[0] === 2;
      const row = () => {
        if (!isText) return uniform(random, size, -3, 3);
        const terms = size / 2;
        const used = between(0, terms);
        const buckets = Array.from({ length: terms }, (_, i) => (i < used ? between(0, 63) : 0));
        return Float32Array.from([...buckets, ...buckets.map((_, i) => (i < used ? 0.1 + random() : 0))]);
      };
      const values = new Float32Array(rows * size);
      for (let i = 0; i < rows; i++) values.set(row(), i * size);
      return [name, { shape: [rows, ...own], values }];
    }),
  );
}

describe("a network in loops", () => {
  it.each([
    ["dense layers in a row", chain, 30],
    ["inputs and texts that are joined", joined, 20],
    ["members of an ensemble", members, 10],
  ])("computes what TensorFlow.js computes to 1e-6, in any batch: %s", async (_, build, count) => {
    const tfjs = await tfjsEngine();
    for (let i = 0; i < count; i++) {
      const model = build();
      const files = await filesIn(model);
      const loops = loadLoops(readModelJson(files.topology), files.shards) as LoadedModel;
      expect(loops).not.toBeNull();
      const reference = await tfjs.load("tfjs-layers-model", files);
      expect(loops.inputs).toEqual(reference.inputs);
      expect(loops.outputs.map(({ name }) => name)).toEqual(reference.outputs.map(({ name }) => name));
      const rows = between(1, 150);
      const given = inputsOf(loops, rows);
      const wanted = loops.outputs.map(({ name }) => name);
      const [own, other] = [loops.run(given, wanted)[0] as Tensor, reference.run(given, wanted)[0] as Tensor];
      expect(own.shape).toEqual(other.shape);
      let furthest = 0;
      own.values.forEach((value, at) => {
        const expected = other.values[at] as number;
        furthest = Math.max(furthest, Math.abs(value - expected) / Math.max(1, Math.abs(expected)));
      });
      expect(furthest).toBeLessThan(1e-6);
      const row = between(0, rows - 1);
      const alone = Object.fromEntries(
        Object.entries(given).map(([name, { shape, values }]) => {
          const size = values.length / rows;
          return [name, { shape: [1, ...shape.slice(1)], values: values.slice(row * size, (row + 1) * size) }];
        }),
      );
      // The same bits, since embeddings are quantised where they are stored.
      const size = own.values.length / rows;
      expect(loops.run(alone, wanted)[0]?.values).toEqual(own.values.slice(row * size, (row + 1) * size));
      reference.release();
      model.dispose();
    }
  });

  it("is left to TensorFlow.js where it has other layers, options or weights, or many products", async () => {
    const width = 8;
    const sequential = (...all: layers.layers.Layer[]) =>
      layers.sequential({ layers: [layers.layers.inputLayer({ inputShape: [width] }), ...all] });
    const shared = dense({ units: width });
    const input = layers.input({ shape: [width] });
    const twice = layers.model({ inputs: input, outputs: symbolic(shared.apply(symbolic(shared.apply(input)))) });
    const others = [
      sequential(dense({ units: 3, activation: "selu" })),
      sequential(layers.layers.batchNormalization()),
      sequential(dense({ units: loopMaxProducts / width + 1 })),
      twice,
    ];
    for (const model of others) {
      const files = await filesIn(model);
      expect(loadLoops(readModelJson(files.topology), files.shards)).toBeNull();
      const loaded = await servingEngine.load("tfjs-layers-model", files);
      const given = inputsOf(loaded, 3);
      const found = loaded.run(given, [loaded.outputs[0]?.name as string])[0] as Tensor;
      expect(found.shape[0]).toBe(3);
      loaded.release();
      model.dispose();
    }
    const files = await filesIn(sequential(dense({ units: 3 })));
    const json = JSON.parse(new TextDecoder().decode(files.topology));
    json.weightsManifest[0].weights.push({ name: "other/kernel", shape: [1], dtype: "float32" });
    const more = { ...files, topology: new TextEncoder().encode(JSON.stringify(json)).buffer as ArrayBuffer };
    more.shards = [...files.shards, new ArrayBuffer(4)];
    await expect(servingEngine.load("tfjs-layers-model", more)).rejects.toThrow(/do not fit/);
  });
});
