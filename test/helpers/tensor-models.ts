import type { BlobRef, TensorManifest, TensorNetwork } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { sign } from "#core/sign.ts";
import { graphNetwork, type ImageNetwork, layersNetwork } from "./image-networks.ts";
import { testKeys } from "./keys.ts";
import type { TestModel } from "./model.ts";

/** A model of tensors, signed, with its blobs. */
export interface TestTensorModel {
  manifest: TensorManifest;
  blobs: TestModel["blobs"];
}

type Shape = Pick<TensorNetwork, "inputs" | "outputs" | "batch">;

/** Two inputs and two outputs, in the layers format; with another layer, or another width declared, where told. */
export function layersOfTensors(
  model: string,
  version = 1,
  { convolution = "SeparableConv2D", embedding = 6 } = {},
): Promise<TestTensorModel> {
  const network = layersNetwork();
  const text = new TextDecoder().decode(network.files.topology).replace("SeparableConv2D", convolution);
  network.files.topology = new TextEncoder().encode(text).buffer as ArrayBuffer;
  return tensorModel(model, version, network, {
    inputs: [
      { name: "picture", tensor: "picture", shape: [8, 7, 2], dtype: "float32" },
      { name: "place", tensor: "place", shape: [3], dtype: "float32" },
    ],
    outputs: [
      { name: "embedding", tensor: "embedding", shape: [embedding], dtype: "float32" },
      { name: "pixels", tensor: "tanh", shape: [3, 2, 5], dtype: "float32" },
    ],
    batch: true,
  });
}

/** Two inputs and one output, in the graph format. */
export function graphOfTensors(model: string, version = 1, batch = true): Promise<TestTensorModel> {
  return tensorModel(model, version, graphNetwork("float16"), {
    inputs: [
      { name: "what", tensor: "what", shape: [8, 7, 2], dtype: "float32" },
      { name: "where", tensor: "where", shape: [3], dtype: "float32" },
    ],
    outputs: [{ name: "scores", tensor: "Softmax:0", shape: [4], dtype: "float32" }],
    batch,
  });
}

async function tensorModel(
  model: string,
  version: number,
  { spec, files }: ImageNetwork,
  shape: Shape,
): Promise<TestTensorModel> {
  const blobs: TestModel["blobs"] = new Map();
  const add = async (buffer: ArrayBuffer): Promise<BlobRef> => {
    const bytes = new Uint8Array(buffer);
    const sha256 = await sha256Hex(bytes);
    blobs.set(sha256, bytes);
    return { sha256, bytes: bytes.byteLength };
  };
  const topology = await add(files.topology);
  const shards = await Promise.all(files.shards.map(add));
  const sha256 = await sha256Hex([topology, ...shards].map((blob) => blob.sha256).join(""));
  const manifest: TensorManifest = {
    format: "upriver/2",
    model,
    version,
    parent: version > 1 ? version - 1 : null,
    createdAt: "2026-01-01T00:00:00.000Z",
    task: "tensor",
    network: { kind: spec.kind, sha256, topology, shards, ...shape },
    examples: [],
  };
  return { manifest: await sign(manifest, testKeys.publish.signing), blobs };
}
