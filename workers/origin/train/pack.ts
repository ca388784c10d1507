import type * as layers from "@tensorflow/tfjs-layers";
import type { Blob, Input, NetworkSpec } from "../../core/contract/index.ts";
import { sha256Hex } from "../../core/hash.ts";
import { encodeHead } from "../../core/head/head.ts";
import { limits } from "../../core/limits.ts";
import type { WeightType } from "../recipes/index.ts";
import type { Trainable } from "./network.ts";
import { quantise } from "./quantise.ts";

/** Blobs by their SHA-256. */
export type Blobs = Map<string, Uint8Array<ArrayBuffer>>;

/** A network as it is published, but for what is learned from held-out rows. */
export type PackedNetwork = Omit<NetworkSpec, "rule">;

/**
 * Packs a trained network as blobs: the backbone as a TensorFlow.js layers model, its weights in the form asked for, and
 * the head's weights in float32. The int16 step of its embeddings is learned later.
 */
export async function packNetwork(
  { backbone, head }: Trainable,
  input: Input,
  blobs: Blobs,
  weightType: WeightType = "float32",
): Promise<PackedNetwork> {
  const stored = await Promise.all(
    backbone.weights.map(async (weight) => {
      const values = (await weight.read().data()) as Float32Array;
      const { bytes, quantization } = quantise(values, weightType);
      const spec = {
        name: plainName(weight.name),
        shape: weight.shape,
        dtype: "float32",
        ...(quantization && { quantization }),
      };
      return { bytes, spec };
    }),
  );
  const shards = await Promise.all(cut(joined(stored.map(({ bytes }) => bytes))).map((shard) => addBlob(blobs, shard)));
  const modelJson = {
    format: "layers-model",
    generatedBy: "Upriver",
    modelTopology: lean(backbone.toJSON(undefined, false)),
    weightsManifest: [{ paths: shards.map(({ sha256 }) => sha256), weights: stored.map(({ spec }) => spec) }],
  };
  const topology = await addBlob(blobs, new TextEncoder().encode(JSON.stringify(modelJson)));
  const [kernel, bias] = (await Promise.all(head.getWeights().map((weight) => weight.data()))) as [
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
      embedding: { tensor: plainName((backbone.outputs[0] as layers.SymbolicTensor).name), width, step: 1 },
    },
    head: { blob: await addBlob(blobs, encodeHead({ weights: kernel, bias })), width, classes, temperature: 1 },
  };
}

/** Bytes that a network takes to transfer: backbone and head, as they are stored. */
export function bytesOf({ backbone, head }: Pick<PackedNetwork, "backbone" | "head">): number {
  return [backbone.topology, ...backbone.shards, head.blob].reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Puts bytes among the blobs, under their hash. */
export async function addBlob(blobs: Blobs, bytes: Uint8Array<ArrayBuffer>): Promise<Blob> {
  const sha256 = await sha256Hex(bytes);
  blobs.set(sha256, bytes);
  return { sha256, bytes: bytes.byteLength };
}

/** What only training needs of a layer, and what is as it is when nothing is said: the edge fetches every byte. */
const onlyForTraining = /_(initializer|regularizer|constraint)$/;
const usual = [undefined, null, "float32", "channelsLast"];

function lean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lean);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([name, part]) => {
    if (onlyForTraining.test(name) || name === "trainable") return false;
    return !(name === "data_format" || name === "dtype" || name === "activity_regularizer") || !usual.includes(part);
  });
  return Object.fromEntries(kept.map(([name, part]) => [name, lean(part)]));
}

function joined(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

function cut(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const size = limits.blobShardMaxBytes;
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size));
}

// TensorFlow.js numbers a name that it has seen before in the process: "dense_1/kernel_1".
function plainName(name: string): string {
  return name.replace(/_\d+$/, "");
}
