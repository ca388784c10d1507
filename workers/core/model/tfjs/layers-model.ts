import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import type { TensorType } from "#core/contract/index.ts";
import { EngineError, type TensorInfo } from "../engine.ts";
import { asKeras2 } from "./keras3.ts";
import type { TfjsModel } from "./model.ts";
import { type ModelJson, weightsOf } from "./model-json.ts";

/** Loads a layers model. Its tensors are named after the layers that output them. */
export async function loadLayers(file: ModelJson, weightData: ArrayBuffer): Promise<TfjsModel> {
  const whole = await readLayers(file, weightData);
  const cuts = new Map<string, layers.LayersModel>();
  const cutAt = (tensors: readonly string[]): layers.LayersModel => {
    const key = JSON.stringify(tensors);
    const known = cuts.get(key);
    if (known) return known;
    const cut = layers.model({ inputs: whole.inputs, outputs: tensors.map((name) => outputOf(whole, name)) });
    cuts.set(key, cut);
    return cut;
  };
  return {
    inputs: inputsOf(whole),
    outputs: whole.outputs.map(infoOf),
    run: (inputs, tensors) => {
      const given = whole.inputs.map(({ sourceLayer }) => inputs[sourceLayer.name] as tf.Tensor);
      const found = cutAt(tensors).apply(given, { training: false }) as tf.Tensor | tf.Tensor[];
      return Array.isArray(found) ? found : [found];
    },
    release: () => void whole.dispose(),
  };
}

/** Reads a layers model with tfjs-layers. */
export function readLayers(file: ModelJson, weightData: ArrayBuffer): Promise<layers.LayersModel> {
  const modelTopology = asKeras2(file.modelTopology);
  const weightSpecs = weightsOf(file) as tf.io.WeightsManifestEntry[];
  return layers.loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData }));
}

/** Lists the inputs of a layers model. */
export function inputsOf({ inputs }: layers.LayersModel): TensorInfo[] {
  return inputs.map(infoOf);
}

function outputOf(model: layers.LayersModel, name: string): layers.SymbolicTensor {
  const layer = model.layers.find((one) => one.name === name);
  if (layer) return layer.getOutputAt(0) as layers.SymbolicTensor;
  const names = model.layers.map((one) => one.name).join(", ");
  throw new EngineError(`The model has no layer '${name}'. Its layers are ${names}.`);
}

function infoOf({ shape, dtype, sourceLayer }: layers.SymbolicTensor): TensorInfo {
  return { name: sourceLayer.name, shape: shape.map((size) => size ?? -1), dtype: dtype as TensorType };
}
