import type * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import type { Blob, Input, NetworkSpec } from "../../core/contract/index.ts";
import { sha256Hex } from "../../core/hash.ts";
import { encodeHead } from "../../core/head/head.ts";
import { limits } from "../../core/limits.ts";

/** Blobs by their SHA-256. */
export type Blobs = Map<string, Uint8Array<ArrayBuffer>>;

/** A network as it is published, but for what is learned from held-out rows. */
export type PackedNetwork = Omit<NetworkSpec, "rule">;

/**
 * Cuts a trained network into backbone and head, as blobs: a TensorFlow.js layers model of all but the last layer,
 * and the last layer's weights. `largest` is the greatest absolute value of an embedding, for the int16 step.
 */
export async function packNetwork(model: layers.Sequential, input: Input, blobs: Blobs): Promise<PackedNetwork> {
  const hidden = model.layers.slice(0, -1);
  const head = model.layers.at(-1) as layers.layers.Layer;
  const backbone = layers.sequential({ layers: hidden });
  const weights = hidden.flatMap((layer) => layer.weights);
  const specs = weights.map(({ name, shape }) => ({ name: plainName(name), shape, dtype: "float32" }));
  const values = concatenated(hidden.flatMap((layer) => layer.getWeights()));
  const shards = await Promise.all(cut(values).map((shard) => add(blobs, shard)));
  const modelJson = {
    format: "layers-model",
    generatedBy: "Upriver",
    modelTopology: backbone.toJSON(undefined, false),
    weightsManifest: [{ paths: shards.map(({ sha256 }) => sha256), weights: specs }],
  };
  const topology = await add(blobs, new TextEncoder().encode(JSON.stringify(modelJson)));
  const [kernel, bias] = head.getWeights().map((weight) => weight.dataSync() as Float32Array) as [
    Float32Array,
    Float32Array,
  ];
  const classes = bias.length;
  const width = kernel.length / classes;
  return {
    input,
    backbone: {
      kind: "tfjs-layers-model",
      sha256: await sha256Hex([topology, ...shards].map(({ sha256 }) => sha256).join("")),
      topology,
      shards,
      embedding: { tensor: (hidden.at(-1) as layers.layers.Layer).name, width, step: 1 },
    },
    head: { blob: await add(blobs, encodeHead({ weights: kernel, bias })), width, classes, temperature: 1 },
  };
}

async function add(blobs: Blobs, bytes: Uint8Array<ArrayBuffer>): Promise<Blob> {
  const sha256 = await sha256Hex(bytes);
  blobs.set(sha256, bytes);
  return { sha256, bytes: bytes.byteLength };
}

function concatenated(tensors: tf.Tensor[]): Uint8Array<ArrayBuffer> {
  const parts = tensors.map((tensor) => tensor.dataSync() as Float32Array);
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return new Uint8Array(all.buffer);
}

function cut(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const size = limits.blobShardMaxBytes;
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size));
}

// TensorFlow.js numbers a name that it has seen before in the process: "dense_1/kernel_1".
function plainName(name: string): string {
  return name.replace(/_\d+$/, "");
}
