import { loadGraphModelSync } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import type { TensorType } from "#core/contract/index.ts";
import type { TensorInfo } from "../engine.ts";
import { graphTensor, outputTensors } from "./graph-signature.ts";
import type { TfjsModel } from "./model.ts";
import { type ModelJson, weightsOf } from "./model-json.ts";

/** Loads a graph model. Its tensors are named after the nodes that output them: "node", or "node:1" for the second output. */
export function loadGraph(file: ModelJson, weightData: ArrayBuffer): TfjsModel {
  const { signature, userDefinedMetadata } = file;
  const modelTopology = { versions: {}, ...file.modelTopology };
  const weightSpecs = weightsOf(file) as tf.io.WeightsManifestEntry[];
  const described = { ...(signature && { signature }), ...(userDefinedMetadata && { userDefinedMetadata }) };
  const model = loadGraphModelSync(tf.io.fromMemorySync({ modelTopology, weightSpecs, weightData, ...described }));
  return {
    inputs: model.inputs.map(infoOf),
    outputs: outputsOf(file, model.outputs.map(infoOf)),
    run: (inputs, tensors) => {
      const found = model.execute(inputs, [...tensors]);
      return Array.isArray(found) ? found : [found];
    },
    release: () => model.dispose(),
  };
}

// TensorFlow.js lists the nodes of the signature's outputs, without saying which of their outputs are meant.
function outputsOf(file: ModelJson, nodes: readonly TensorInfo[]): TensorInfo[] {
  const known = new Map(nodes.map((info) => [info.name, info]));
  const named = outputTensors(file).filter((tensor) => known.has(tensor.replace(/:.*$/s, "")));
  if (named.length === 0) return [...known.values()];
  return [...new Set(named)].map((name) => known.get(name) ?? { name, shape: null, dtype: "float32" });
}

function infoOf({ name, shape, dtype }: Pick<TensorInfo, "name"> & { shape?: number[]; dtype?: string }): TensorInfo {
  return { name: graphTensor(name), shape: shape ?? null, dtype: (dtype ?? "float32") as TensorType };
}
