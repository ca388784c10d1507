import type { Manifest } from "../../../core/contract/index.ts";
import type { Signature } from "../signature.ts";
import type { TensorSpec } from "../tensor.ts";

/** What the server says of itself. */
export const serverMetadata = {
  name: "upriver",
  version: "1",
  extensions: ["binary_tensor_data", "classification", "parameters"],
} as const;

/** What is said of a model: the versions that may be asked for, its inputs and its outputs. */
export function modelMetadata({ model, thin }: Manifest, { inputs, outputs }: Signature, versions: readonly number[]) {
  return {
    name: model,
    versions: versions.map(String),
    platform: thin.backbone.kind === "tfjs-graph-model" ? "tensorflowjs_graphmodel" : "tensorflowjs_layersmodel",
    inputs: inputs.map(tensorMetadata),
    outputs: outputs.map(tensorMetadata),
  };
}

function tensorMetadata({ name, datatype, shape, labels }: TensorSpec) {
  return { name, datatype, shape, ...(labels ? { parameters: { labels } } : {}) };
}
