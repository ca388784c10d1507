import type { Named } from "../ask-tensors.ts";
import type { TensorMetadata } from "../tensor.ts";
import type { ModelMetadata, ServerMetadata } from "./schema.ts";

/** The metadata of the server. */
export const serverMetadata: ServerMetadata = {
  name: "upriver",
  version: "1",
  extensions: ["binary_tensor_data", "classification", "parameters"],
};

/** Describes a model: its available versions, inputs and outputs. */
export function modelMetadata({ model, manifest, signature }: Named, versions: readonly number[]): ModelMetadata {
  const { kind } = manifest.task === "tensor" ? manifest.network : manifest.thin.backbone;
  return {
    name: model,
    versions: versions.map(String),
    platform: kind === "tfjs-graph-model" ? "tensorflowjs_graphmodel" : "tensorflowjs_layersmodel",
    inputs: signature.inputs.map(tensorMetadata),
    outputs: signature.outputs.map(tensorMetadata),
  };
}

function tensorMetadata({ name, datatype, shape, labels }: TensorMetadata): ModelMetadata["inputs"][number] {
  return { name, datatype, shape, ...(labels ? { parameters: { labels } } : {}) };
}
