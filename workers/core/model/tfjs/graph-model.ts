import { loadGraphModelSync } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import type { TensorType } from "#core/contract/index.ts";
import type { TensorInfo } from "../engine.ts";
import type { TfjsModel } from "./model.ts";
import { type ModelJson, weightsOf } from "./model-json.ts";

/** Loads a graph model. Its tensors are named after the nodes that output them. */
export function loadGraph(
  { modelTopology, signature, userDefinedMetadata, ...file }: ModelJson,
  weightData: ArrayBuffer,
): TfjsModel {
  const weightSpecs = weightsOf(file) as tf.io.WeightsManifestEntry[];
  const described = { ...(signature && { signature }), ...(userDefinedMetadata && { userDefinedMetadata }) };
  const model = loadGraphModelSync(tf.io.fromMemorySync({ modelTopology, weightSpecs, weightData, ...described }));
  return {
    inputs: model.inputs.map(infoOf),
    outputs: model.outputs.map(infoOf),
    run: (inputs, tensors) => {
      const found = model.execute(inputs, [...tensors]);
      return Array.isArray(found) ? found : [found];
    },
    release: () => model.dispose(),
  };
}

function infoOf({ name, shape, dtype }: Pick<TensorInfo, "name"> & { shape?: number[]; dtype?: string }): TensorInfo {
  return { name: name.replace(/:0$/, ""), shape: shape ?? null, dtype: (dtype ?? "float32") as TensorType };
}
