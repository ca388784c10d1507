import type * as layers from "@tensorflow/tfjs-layers";
import { concatBytes } from "#core/bytes.ts";
import { type Backbone, type BlobRef, blobShardMaxBytes, type Input, type NetworkSpec } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { encodeHead, type HeadWeights } from "#core/head/head.ts";
import type { WeightSpec } from "#core/model/tfjs/model-json.ts";
import type { WeightType } from "../recipes/index.ts";
import { quantiseWeights } from "./quantise.ts";
import type { Trainable } from "./trainable.ts";

/** Blobs by their SHA-256. */
export type Blobs = Map<string, Uint8Array<ArrayBuffer>>;

/** A network as it is published, without its accept rule. */
export type PackedNetwork = Omit<NetworkSpec, "rule">;

/** A weight of a backbone in its stored form. */
export interface StoredPart {
  bytes: Uint8Array;
  spec: WeightSpec;
}

/** A network cut before its last layer, ready to be packed. */
export interface NetworkParts {
  kind: Backbone["kind"];
  modelTopology: object;
  weights: readonly StoredPart[];
  /** The tensor that holds the embedding. */
  tensor: string;
  head: Pick<HeadWeights, "weights" | "bias">;
}

/**
 * Packs a trained network as blobs: the backbone as a TensorFlow.js layers model with weights of the given type, and the
 * head in float32. The int16 step of its embeddings is fitted later, by `calibrateNetwork`.
 */
export async function packNetwork(
  network: Trainable,
  input: Input,
  blobs: Blobs,
  weightType: WeightType = "float32",
): Promise<PackedNetwork> {
  const { backbone, head } = await network.cut();
  const weights = await Promise.all(
    backbone.weights.map(async (weight) =>
      storedPart(plainName(weight.name), weight.shape as number[], await weight.read().data<"float32">(), weightType),
    ),
  );
  const { name: tensor } = (backbone.outputs[0] as layers.SymbolicTensor).sourceLayer;
  const parts = { kind: "tfjs-layers-model" as const, modelTopology: topologyOf(backbone), weights, tensor };
  return packParts({ ...parts, head }, input, blobs);
}

/** Stores a weight's values in the given type. */
export function storedPart(name: string, shape: number[], values: Float32Array, type: WeightType): StoredPart {
  const { bytes, quantization } = quantiseWeights(values, type);
  return { bytes, spec: { name, shape, dtype: "float32", ...(quantization && { quantization }) } };
}

/** Returns the topology of a layers model, without what only training needs. */
export function topologyOf(model: layers.LayersModel): object {
  return lean(model.toJSON(undefined, false)) as object;
}

/** Packs a cut network as blobs: a model.json with its shards, and the head. */
export async function packParts(
  { kind, modelTopology, weights, tensor, head }: NetworkParts,
  input: Input,
  blobs: Blobs,
): Promise<PackedNetwork> {
  const files = await packModel({ kind, generatedBy: "Upriver", modelTopology, weights }, blobs);
  const classes = head.bias.length;
  const width = head.weights.length / classes;
  return {
    input,
    backbone: { ...files, embedding: { tensor, width, step: 1 } },
    head: { blob: await addBlob(blobs, encodeHead(head)), width, classes, temperature: 1 },
  };
}

/** The content of a model.json, with the weights in their stored form. */
export interface ModelParts {
  kind: Backbone["kind"];
  modelTopology: object;
  weights: readonly StoredPart[];
  generatedBy?: string;
  /** The names that a graph gives to its inputs and outputs. */
  signature?: object;
  userDefinedMetadata?: object;
}

/** Packs a model as blobs: its shards, and its model.json, which lists them by their hashes. */
export async function packModel(
  { kind, weights, modelTopology, generatedBy, signature, userDefinedMetadata }: ModelParts,
  blobs: Blobs,
): Promise<Pick<Backbone, "kind" | "sha256" | "topology" | "shards">> {
  const shards = await Promise.all(
    cut(concatBytes(weights.map(({ bytes }) => bytes))).map((shard) => addBlob(blobs, shard)),
  );
  const weightsManifest = [{ paths: shards.map(({ sha256 }) => sha256), weights: weights.map(({ spec }) => spec) }];
  const format = kind.replace("tfjs-", "");
  const modelJson = { format, generatedBy, signature, userDefinedMetadata, modelTopology, weightsManifest };
  const topology = await addBlob(blobs, new TextEncoder().encode(JSON.stringify(modelJson)));
  const sha256 = await sha256Hex([topology, ...shards].map((blob) => blob.sha256).join(""));
  return { kind, sha256, topology, shards };
}

/** Adds up the bytes that a network takes to transfer: backbone and head in their stored form. */
export function bytesOf({ backbone, head }: Pick<PackedNetwork, "backbone" | "head">): number {
  return [backbone.topology, ...backbone.shards, head.blob].reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Adds bytes to the blobs, under their hash. */
export async function addBlob(blobs: Blobs, bytes: Uint8Array<ArrayBuffer>): Promise<BlobRef> {
  const sha256 = await sha256Hex(bytes);
  blobs.set(sha256, bytes);
  return { sha256, bytes: bytes.byteLength };
}

/** Fields of a layer that only training needs, and default values: both are left out, since the edge fetches every byte. */
const onlyForTraining = /_(initializer|regularizer|constraint)$/;
const defaults = [undefined, null, "float32", "channelsLast"];

function lean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lean);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([name, part]) => {
    if (onlyForTraining.test(name) || name === "trainable") return false;
    return !(name === "data_format" || name === "dtype" || name === "activity_regularizer") || !defaults.includes(part);
  });
  return Object.fromEntries(kept.map(([name, part]) => [name, lean(part)]));
}

function cut(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const size = blobShardMaxBytes;
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size));
}

// TensorFlow.js numbers a name that it has used before in the process: "dense_1/kernel_1".
function plainName(name: string): string {
  return name.replace(/_\d+$/, "");
}
