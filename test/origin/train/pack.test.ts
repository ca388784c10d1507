import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { beforeAll, describe, expect, it } from "vitest";
import type { ImageInput } from "#core/contract/index.ts";
import { inputShapes } from "#core/input/index.ts";
import { loadBackbone } from "#core/model/backbone.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import type { WeightType } from "#origin/recipes/index.ts";
import { buildNetwork } from "#origin/train/network.ts";
import { type Blobs, bytesOf, packNetwork } from "#origin/train/pack.ts";
import { inputTensors, type Trainable } from "#origin/train/trainable.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

const input: ImageInput = {
  ...{ kind: "image", size: [9, 8], channels: 1, scale: 1 / 255, offset: 0 },
  regions: ["north", "south", "west"],
};
const shapes = inputShapes(input);
const [rows, width] = [5, 9 * 8 + 3];
const values = uniform(seeded(12), rows * width, 0, 1);
const bytesPerWeight: Record<WeightType, number> = { float32: 4, float16: 2, uint8: 1 };
/** How far an embedding may be off, against the largest. */
const tolerance: Record<WeightType, number> = { float32: 1e-6, float16: 2e-3, uint8: 0.05 };

let network: Trainable;

beforeAll(async () => {
  await startBackend();
  const plans = [
    { type: "conv" as const, filters: 5, size: 3 },
    { type: "pool" as const, size: 2 },
    { type: "conv" as const, filters: 6, size: 3, stride: 2 },
    { type: "dense" as const, units: 7 },
  ];
  network = buildNetwork({ shapes, layers: plans, classes: 4, seed: 2 });
});

describe.each(["float32", "float16", "uint8"] as const)("a network packed in %s", (type) => {
  it("has the same embeddings in tfjs-layers and at the edge", async () => {
    const { backbone, blobs } = await pack(network, type);
    const json = JSON.parse(new TextDecoder().decode(blobs.get(backbone.topology.sha256)));
    const weightSpecs = json.weightsManifest[0].weights;
    const weightData = bytes(blobs, json.weightsManifest[0].paths[0]);
    const { modelTopology } = json;
    const model = await layers.loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData }));
    const elsewhere = (model.predict(inputTensors(shapes, values, rows)) as tf.Tensor).dataSync();

    const files = { topology: bytes(blobs, backbone.topology.sha256), shards: [weightData] };
    const loaded = await loadBackbone(servingEngine, backbone, files, shapes);
    const here = loaded.embed(values, rows);
    loaded.release();
    expect(here).toHaveLength(rows * 7);
    here.forEach((value, i) => void expect(value).toBeCloseTo(elsewhere[i] as number, 5));

    const trained = network.embed(inputTensors(shapes, values, rows), null).dataSync<"float32">();
    const largest = trained.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
    here.forEach((value, i) => {
      expect(Math.abs(value - (trained[i] as number))).toBeLessThan(tolerance[type] * largest);
    });
  });

  it("has the bytes of its weight type, and a float32 head", async () => {
    const packed = await pack(network, type);
    const weights = (await network.cut()).backbone.countParams();
    expect(packed.backbone.shards.map((shard) => shard.bytes)).toEqual([bytesPerWeight[type] * weights]);
    expect(packed.head.blob.bytes).toBe(4 * (7 + 1) * 4);
    const stored = [...packed.blobs.values()].reduce((sum, { length }) => sum + length, 0);
    expect(bytesOf(packed)).toBe(stored);
  });

  it("keeps pruned weights at zero", async () => {
    const own = buildNetwork({ shapes, layers: [{ type: "dense", units: 7 }], classes: 4, seed: 2 });
    const [first] = own.variables as [tf.Variable];
    const half = tf.tensor(
      (await first.data()).map((value, i) => (i % 2 ? 0 : value)),
      first.shape,
    );
    first.assign(half);
    const { backbone, blobs } = await pack(own, type);
    const json = JSON.parse(new TextDecoder().decode(blobs.get(backbone.topology.sha256)));
    const [{ paths, weights }] = json.weightsManifest;
    const decoded = tf.io.decodeWeights(bytes(blobs, paths[0]), weights);
    const stored = decoded[weights[0].name]?.dataSync() as Float32Array;
    expect(stored.filter((value) => value !== 0).length).toBeGreaterThan(stored.length / 3);
    stored.forEach((value, i) => void (i % 2 && expect(value).toBe(0)));
  });
});

async function pack(own: Trainable, type: WeightType) {
  const blobs: Blobs = new Map();
  return { ...(await packNetwork(own, input, blobs, type)), blobs };
}

function bytes(blobs: Blobs, sha256: string): ArrayBuffer {
  return blobs.get(sha256)?.slice().buffer as ArrayBuffer;
}
