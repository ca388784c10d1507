import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { beforeAll, describe, expect, it } from "vitest";
import type { FeaturesInput } from "#core/contract/index.ts";
import { encode, inputParts, inputShapes } from "#core/input/index.ts";
import { loadBackbone } from "#core/model/backbone.ts";
import { EngineError } from "#core/model/engine.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { startTraining } from "#origin/backend/index.ts";
import { weightTypes } from "#origin/recipes/index.ts";
import { ResumableAdam } from "#origin/train/adam.ts";
import { EmbeddingBag, sumTerms, termsOf } from "#origin/train/bag.ts";
import { buildNetwork } from "#origin/train/network.ts";
import { type Blobs, packNetwork } from "#origin/train/pack.ts";
import type { Trainable } from "#origin/train/trainable.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

const [buckets, terms] = [64, 12];
const texts = ["where is my card", "card lost", "", "我的卡丢了", "top up my card with my other card"];
const alone: FeaturesInput = { kind: "features", columns: [{ type: "text", name: "t", buckets, terms }] };
const mixed: FeaturesInput = {
  kind: "features",
  columns: [
    { type: "text", name: "t", buckets, terms },
    { type: "number", name: "n", mean: 0, deviation: 1 },
    { type: "region", values: ["north", "south"] },
  ],
};

beforeAll(() => startTraining("wasm"));

function rowsOf(input: FeaturesInput): Float32Array {
  const rows = texts.map((t, n) => {
    const row = encode(input, { t, n }, { region: "south" });
    if (!row.ok) throw new Error(JSON.stringify(row.error));
    return Array.from(row.value);
  });
  return Float32Array.from(rows.flat());
}

function build(input: FeaturesInput, layers: Parameters<typeof buildNetwork>[0]["layers"]): Trainable {
  const parts = inputParts(input);
  const shape = { shapes: inputShapes(input), buckets: parts.map((part) => part.buckets) };
  const network = buildNetwork({ ...shape, layers, classes: 3, seed: 4 });
  for (const [i, bag] of (network.bags ?? []).entries())
    bag.values.set(uniform(seeded(7 + i), bag.values.length, -1, 1));
  return network;
}

describe("an input of text", () => {
  it("follows the other columns, whatever the order of the columns", () => {
    expect(inputParts(mixed)).toEqual([
      { shape: [3], buckets: null },
      { shape: [2, terms], buckets },
    ]);
    const row = encode(mixed, { t: "card", n: 5 }, { region: "south" });
    expect(row.ok && Array.from(row.value.slice(0, 3))).toEqual([5, 0, 1]);
  });
});

describe("an embedding bag", () => {
  it("equals a product with the whole table, and so does its gradient", () => {
    const values = rowsOf(alone);
    const table = uniform(seeded(3), buckets * 5, -1, 1);
    const dense = new Float32Array(texts.length * buckets);
    for (let row = 0; row < texts.length; row++) {
      for (let i = 0; i < terms; i++) {
        const at = row * 2 * terms + i;
        dense[row * buckets + (values[at] as number)] =
          (dense[row * buckets + (values[at] as number)] as number) + (values[at + terms] as number);
      }
    }
    const own = termsOf(values, texts.length, { offset: 0, terms, buckets });
    const touched = tf.gather(tf.tensor2d(table, [buckets, 5]), tf.tensor1d(own.touched, "int32"));
    const weights = tf.tensor2d(uniform(seeded(9), texts.length * 5), [texts.length, 5]);
    const whole = (x: tf.Tensor) => tf.matMul(tf.tensor2d(dense, [texts.length, buckets]), x as tf.Tensor2D);
    expectClose(sumTerms(touched as tf.Tensor2D, own).dataSync(), whole(tf.tensor2d(table, [buckets, 5])).dataSync());
    const sparse = tf
      .grad((x) => tf.sum(tf.mul(sumTerms(x as tf.Tensor2D, own), weights)))(touched)
      .dataSync();
    const all = tf
      .grad((x) => tf.sum(tf.mul(whole(x), weights)))(tf.tensor2d(table, [buckets, 5]))
      .dataSync();
    const expected = [...own.touched].flatMap((bucket) => Array.from(all.slice(bucket * 5, bucket * 5 + 5)));
    expectClose(sparse, expected);
  });

  it.each([2, 6])(
    "learns as Adam does where every step touches every row, and leaves other rows alone: %s units",
    (units) => {
      const all = { ...termsOf(Float32Array.of(0, 1, 1, 1), 1, { offset: 0, terms: 2, buckets: 2 }) };
      const bag = new EmbeddingBag(3, units, 1);
      const first = Float32Array.from({ length: 3 * units }, (_, i) => ((i * 7) % 11) / 10 - 0.45);
      bag.values.set(first);
      const table = tf.variable(tf.tensor2d(first.slice(0, 2 * units), [2, units]));
      const adam = new ResumableAdam(0.1);
      const targets = tf.range(1, units + 1);
      const loss = (x: tf.Tensor) => tf.sum(tf.square(tf.sub(tf.sum(x, 0), targets))) as tf.Scalar;
      for (let step = 0; step < 5; step++) {
        const rows = bag.take(all);
        const slope = tf
          .grad((x) => loss(x))(rows)
          .dataSync<"float32">();
        bag.learn(slope, 0.1, 0);
        adam.step(() => loss(table), [table], [], 0);
      }
      expectClose(bag.values.subarray(0, 2 * units), table.dataSync(), 4);
      expect(bag.values.subarray(2 * units)).toEqual(first.subarray(2 * units));
    },
  );

  it("draws a row that is touched for the first time, the same whatever came before", () => {
    const one = new EmbeddingBag(8, 2, 1);
    const other = new EmbeddingBag(8, 2, 1);
    const at = (...list: number[]) => {
      const values = Float32Array.from([...list, ...list.map(() => 1)]);
      return termsOf(values, 1, { offset: 0, terms: list.length, buckets: 8 });
    };
    one.take(at(3, 5));
    other.take(at(5));
    expect(one.values.slice(10, 12)).toEqual(other.values.slice(10, 12));
    expect(one.values.slice(10, 12).every((value) => value !== 0)).toBe(true);
    expect(one.values.slice(0, 6).every((value) => value === 0)).toBe(true);
  });
});

describe.each([
  ["a bag alone", alone, [{ type: "bag" as const, units: 6 }]],
  ["a bag beside columns", mixed, [{ type: "bag" as const, units: 6 }]],
  [
    "a bag and hidden layers",
    mixed,
    [
      { type: "bag" as const, units: 6 },
      { type: "dense" as const, units: 5 },
      { type: "dense" as const, units: 4 },
    ],
  ],
])("%s", (_, input, plans) => {
  it.each(weightTypes)("gives the same embeddings in training, in TensorFlow.js and at the edge: %s", async (type) => {
    const network = build(input, plans);
    const values = rowsOf(input);
    const blobs: Blobs = new Map();
    const { backbone } = await packNetwork(network, input, blobs, type);
    const bytes = ({ sha256 }: { sha256: string }) => (blobs.get(sha256) as Uint8Array).slice().buffer as ArrayBuffer;
    const files = { topology: bytes(backbone.topology), shards: backbone.shards.map(bytes) };
    const edge = await loadBackbone(servingEngine, backbone, files, inputShapes(input));
    const here = edge.embed(values, texts.length);

    const json = JSON.parse(new TextDecoder().decode(files.topology));
    const { modelTopology, weightsManifest } = json;
    const weightSpecs = weightsManifest[0].weights;
    const weightData = files.shards[0] as ArrayBuffer;
    const oracle = await layers.loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData }));
    const width = values.length / texts.length;
    const plain = width - 2 * terms;
    const parts = [
      ...(plain > 0 ? [tf.slice(tf.tensor2d(values, [texts.length, width]), [0, 0], [-1, plain])] : []),
      tf.reshape(tf.slice(tf.tensor2d(values, [texts.length, width]), [0, plain], [-1, 2 * terms]), [-1, 2, terms]),
    ];
    expectClose(here, (oracle.predict(parts) as tf.Tensor).dataSync());

    const given = termsOf(values, texts.length, { offset: plain, terms, buckets });
    const trained = network.embed(parts.slice(0, -1), null, [given]).dataSync();
    expectClose(here, trained, { float32: 5, float16: 2, uint8: 1 }[type]);
    for (let row = 0; row < texts.length; row++) {
      const own = edge.embed(values.subarray(row * width, (row + 1) * width), 1);
      expect(own).toEqual(here.subarray(row * own.length, (row + 1) * own.length));
    }
    edge.release();
    network.dispose();
  });
});

it("a bag is refused where there is no text, and a text where there is no bag", () => {
  expect(() => build(alone, [{ type: "dense", units: 4 }])).toThrow(/begin with one bag/);
  expect(() => build(alone, [])).toThrow(/begin with one bag/);
  const numbers: FeaturesInput = { kind: "features", columns: [{ type: "number", name: "n", mean: 0, deviation: 1 }] };
  expect(() => build(numbers, [{ type: "bag", units: 4 }])).toThrow(/needs a text column/);
});

it("the edge refuses weights of another shape, and buckets that the table lacks", async () => {
  const network = build(alone, [{ type: "bag", units: 6 }]);
  const blobs: Blobs = new Map();
  const { backbone } = await packNetwork(network, alone, blobs);
  const bytes = ({ sha256 }: { sha256: string }) => (blobs.get(sha256) as Uint8Array).slice().buffer as ArrayBuffer;
  const topology = bytes(backbone.topology);
  const shards = backbone.shards.map(bytes);
  const text = new TextDecoder().decode(topology).replace(`"shape":[${buckets},6]`, `"shape":[6,${buckets}]`);
  const wrong = { topology: new TextEncoder().encode(text).buffer as ArrayBuffer, shards };
  const engine = servingEngine;
  await expect(loadBackbone(engine, backbone, wrong, inputShapes(alone))).rejects.toThrow(EngineError);
  const edge = await loadBackbone(engine, backbone, { topology, shards }, inputShapes(alone));
  const row = new Float32Array(2 * terms);
  for (const bucket of [-1, buckets, Number.NaN, 0.5]) {
    row.set([bucket], 0);
    row.set([1], terms);
    expect(() => edge.embed(row, 1)).toThrow(EngineError);
  }
  network.dispose();
});

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>, digits = 5): void {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < found.length; i++) expect(found[i]).toBeCloseTo(expected[i] as number, digits);
}
