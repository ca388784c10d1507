import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadGraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Input } from "#core/contract/index.ts";
import { scoresOf, softmax } from "#core/head/head.ts";
import { inputShapes, sizeOf } from "#core/input/index.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { importNetwork } from "#origin/import/network.ts";
import { type Blobs, bytesOf, type PackedNetwork } from "#origin/train/pack.ts";
import { readFrom } from "#origin/train/score.ts";
import { graphNetwork, imageClasses, imageShapes } from "#test/helpers/image-networks.ts";
import { testRule } from "#test/helpers/model.ts";
import { seeded, uniform } from "#test/helpers/random.ts";
import { saveLayersModel, saveNetwork } from "#test/helpers/saved-model.ts";

const { dense, conv2d, flatten, concatenate, maxPooling2d, softmax: softmaxLayer, elu } = layers.layers;
const numbers: Input = { kind: "tensor", shape: [5], dtype: "float32", scale: 1, offset: 0 };
const picture: Input = {
  ...{ kind: "image", size: [8, 7], channels: 1, scale: 1 / 255, offset: 0 },
  regions: ["north", "south", "west"],
};
const pictureOfTwo: Input = {
  ...{ kind: "tensor", shape: imageShapes[0] as number[], dtype: "float32", scale: 1, offset: 0 },
  regions: ["north", "south", "west"],
};
const rows = 6;

let folder: string;
beforeAll(async () => {
  await startBackend();
  folder = await mkdtemp(join(tmpdir(), "upriver-import-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const place = (name: string) => join(folder, name);

/** Scores of an imported network on the edge's engine, and its inputs as tensors. */
async function scores(packed: PackedNetwork, blobs: Blobs): Promise<{ scores: number[][]; inputs: tf.Tensor[] }> {
  const { backbone, head } = await loadNetwork(servingEngine, { ...packed, rule: testRule(0) }, readFrom(blobs));
  const shapes = inputShapes(packed.input);
  const width = shapes.reduce((sum, shape) => sum + sizeOf(shape), 0);
  const values = uniform(seeded(4), rows * width);
  const embeddings = backbone.embed(values, rows);
  backbone.release();
  const parts = tf.split(tf.tensor2d(values, [rows, width]), shapes.map(sizeOf), 1);
  return {
    scores: Array.from({ length: rows }, (_, row) => [...scoresOf(head, embeddings, row * head.width)]),
    inputs: parts.map((part, i) => tf.reshape(part, [rows, ...(shapes[i] as number[])])),
  };
}

function expectClose(found: number[][], expected: number[][]): void {
  expect(found).toHaveLength(expected.length);
  for (const [row, own] of expected.entries()) {
    own.forEach((score, i) => void expect(Math.abs((found[row]?.[i] ?? Number.NaN) - score)).toBeLessThan(1e-5));
  }
}

const rowsOf = (result: unknown) => (result as tf.Tensor).arraySync() as number[][];
const ofLogits = (logits: number[][]) => logits.map((row) => [...softmax(Float64Array.from(row), 1)]);
const kernelInitializer = () => layers.initializers.glorotUniform({ seed: 3 });
const hidden = () => dense({ units: 7, activation: "relu", inputShape: [5], kernelInitializer: kernelInitializer() });

describe("importing a layers model", () => {
  it("keeps the scores of the whole network: softmax in the last layer, softmax as a layer, or logits", async () => {
    const last = { units: 3, kernelInitializer: kernelInitializer() };
    const heads = [
      [dense({ ...last, activation: "softmax" })],
      [dense({ ...last, useBias: false }), softmaxLayer()],
      [dense(last)],
    ];
    for (const [i, head] of heads.entries()) {
      const model = layers.sequential({ layers: [hidden(), ...head] });
      const blobs: Blobs = new Map();
      const packed = await importNetwork(await saveLayersModel(model, place(`head${i}`)), numbers, 3, blobs);
      const { scores: found, inputs } = await scores(packed, blobs);
      const whole = rowsOf(model.predict(inputs));
      expectClose(found, i === 2 ? ofLogits(whole) : whole);
      expect(packed.head).toMatchObject({ classes: 3, width: 7 });
    }
  });

  it("accepts one sigmoid unit for two classes, as the score of the second", async () => {
    const unit = dense({ units: 1, activation: "sigmoid", kernelInitializer: kernelInitializer() });
    const model = layers.sequential({ layers: [hidden(), unit] });
    const blobs: Blobs = new Map();
    const packed = await importNetwork(await saveLayersModel(model, place("sigmoid")), numbers, 2, blobs);
    const { scores: found, inputs } = await scores(packed, blobs);
    expectClose(
      found,
      rowsOf(model.predict(inputs)).map(([p = 0]) => [1 - p, p]),
    );
  });

  it("accepts an image and a region as inputs, from a folder, and stores weights as uint8 if asked", async () => {
    const [image, region] = [layers.input({ shape: [8, 7, 1] }), layers.input({ shape: [3] })];
    const initial = { kernelInitializer: kernelInitializer() };
    const seen = maxPooling2d({ poolSize: 2 }).apply(
      conv2d({ filters: 4, kernelSize: 3, activation: "relu", ...initial }).apply(image),
    );
    const both = concatenate().apply([flatten().apply(seen) as layers.SymbolicTensor, region]);
    const embedding = dense({ units: 9, activation: "tanh", ...initial }).apply(both);
    const outputs = dense({ units: 4, activation: "softmax", ...initial }).apply(embedding) as layers.SymbolicTensor;
    const model = layers.model({ inputs: [image, region], outputs });
    await saveLayersModel(model, place("functional"));
    const blobs: Blobs = new Map();
    const packed = await importNetwork(place("functional"), picture, 4, blobs);
    const { scores: found, inputs } = await scores(packed, blobs);
    const whole = rowsOf(model.predict(inputs));
    expectClose(found, whole);

    const small = await importNetwork(place("functional"), picture, 4, blobs, "uint8");
    const weightsOf = ({ backbone }: PackedNetwork) => backbone.shards[0]?.bytes ?? 0;
    expect(weightsOf(packed)).toBe(4 * weightsOf(small));
    expect(bytesOf(small)).toBeLessThan(bytesOf(packed));
    for (const [row, own] of (await scores(small, blobs)).scores.entries()) {
      own.forEach((score, i) => void expect(Math.abs(score - (whole[row]?.[i] ?? 1))).toBeLessThan(0.02));
    }
  });

  it("refuses a network that it cannot cut, with the reason", async () => {
    const refusal = async (name: string, all: layers.layers.Layer[], classes = 3) =>
      importNetwork(
        await saveLayersModel(layers.sequential({ layers: all }), place(name)),
        numbers,
        classes,
        new Map(),
      ).then(
        () => "none",
        (error: Error) => error.message,
      );
    expect(await refusal("classes", [hidden(), dense({ units: 3 })], 6)).toContain("6 labels");
    expect(await refusal("relu", [hidden(), dense({ units: 3, activation: "relu" })])).toContain("relu");
    expect(await refusal("shallow", [dense({ units: 3, inputShape: [5] })])).toContain("at least one hidden layer");
    expect(await refusal("elu", [hidden(), elu(), dense({ units: 3 })])).toBe("none");
    const wide = [dense({ units: 7, inputShape: [6] }), dense({ units: 3 })];
    expect(await refusal("wide", wide)).toContain("has shape [6]; the manifest's input provides [5]");
  });

  it("refuses a file that is missing, truncated, or no model", async () => {
    const path = await saveLayersModel(layers.sequential({ layers: [hidden(), dense({ units: 3 })] }), place("files"));
    const take = (from: string) => importNetwork(from, numbers, 3, new Map());
    const shard = place("files/group1-shard2of2.bin");
    const bytes = await readFile(shard);
    await writeFile(shard, bytes.subarray(4));
    await expect(take(path)).rejects.toThrow(/weights of \d+ bytes, but its shards have/);
    await rm(shard);
    await expect(take(path)).rejects.toThrow("shard 'group1-shard2of2.bin'");
    await writeFile(path, "{}");
    await expect(take(path)).rejects.toThrow("model.json must be");
    await expect(take(place("nowhere"))).rejects.toThrow("Expected a TensorFlow.js model.json or its folder");
  });
});

describe("importing a graph model", () => {
  it.each(["float32", "uint8"] as const)("keeps the scores of the whole network and its %s weights", async (type) => {
    const built = graphNetwork(type);
    const path = await saveNetwork(built, place(`graph-${type}`));
    const blobs: Blobs = new Map();
    const packed = await importNetwork(path, pictureOfTwo, imageClasses, blobs);
    expect(packed.backbone.kind).toBe("tfjs-graph-model");
    const { scores: found, inputs } = await scores(packed, blobs);
    const [what, where] = inputs as [tf.Tensor, tf.Tensor];
    const weightSpecs = built.modelJson.weightsManifest[0]?.weights as tf.io.WeightsManifestEntry[];
    const { modelTopology } = built.modelJson;
    const whole = await loadGraphModel(
      tf.io.fromMemory({ modelTopology, weightSpecs, weightData: built.files.shards[0] as ArrayBuffer }),
    );
    expectClose(found, rowsOf(whole.execute({ what, where }, "Identity")));
    whole.dispose();
  });

  it("makes a backbone that TensorFlow.js reads, without the head", async () => {
    const path = await saveNetwork(graphNetwork(), place("graph"));
    const blobs: Blobs = new Map();
    const { backbone } = await importNetwork(path, pictureOfTwo, imageClasses, blobs);
    const json = JSON.parse(new TextDecoder().decode(blobs.get(backbone.topology.sha256)));
    const [{ weights: weightSpecs, paths }] = json.weightsManifest;
    expect(paths).toEqual(backbone.shards.map(({ sha256 }) => sha256));
    expect(weightSpecs.map(({ name }: { name: string }) => name)).not.toContain("head/w");
    const weightData = blobs.get(paths[0])?.slice().buffer as ArrayBuffer;
    const model = await loadGraphModel(
      tf.io.fromMemory({ modelTopology: json.modelTopology, weightSpecs, weightData }),
    );
    const [what, where] = imageShapes.map((shape) => tf.zeros([2, ...shape])) as [tf.Tensor, tf.Tensor];
    expect((model.predict({ what, where }) as tf.Tensor).shape).toEqual([2, backbone.embedding.width]);
    model.dispose();
  });

  it("refuses a graph that does not end in a dense layer", async () => {
    const built = graphNetwork();
    const text = JSON.stringify(built.modelJson);
    const refused = async (from: string, to: string) => {
      expect(text).toContain(from);
      const modelJson = JSON.parse(text.replaceAll(from, to));
      const path = await saveNetwork({ ...built, modelJson }, place("ends"));
      return importNetwork(path, pictureOfTwo, imageClasses, new Map());
    };
    await expect(refused('"op":"Softmax"', '"op":"Tanh"')).rejects.toThrow("ends in 'Softmax', Tanh");
    await expect(refused('"input":["Softmax"]', '"input":["dense"]')).rejects.toThrow("2 outputs");
    await expect(refused('"op":"Tanh"', '"op":"Hologram"')).rejects.toThrow("Hologram");
  });
});
