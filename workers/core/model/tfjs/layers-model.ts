import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import type { TensorType } from "#core/contract/index.ts";
import type { TensorInfo } from "../engine.ts";
import { findTensor, graphOf, type LayerGraph, nameTensor } from "./layer-graph.ts";
import { matchWeights, variablesOf } from "./match-weights.ts";
import type { TfjsModel } from "./model.ts";
import { type ModelJson, weightsOf } from "./model-json.ts";
import { readTopology } from "./topology.ts";
import { readEach } from "./weights.ts";

/** Loads a layers model. Its tensors are named after the layers that output them (see `parseTensor`). */
export async function loadLayers(file: ModelJson, weightData: ArrayBuffer): Promise<TfjsModel> {
  const whole = await readLayers(file, weightData);
  const graph = graphOf(whole);
  const cuts = new Map<string, { cut: layers.LayersModel; order: number[] }>();
  const cutAt = (tensors: readonly string[]) => {
    const key = JSON.stringify(tensors);
    const known = cuts.get(key);
    if (known) return known;
    const found = tensors.map((tensor) => findTensor(whole, tensor));
    const outputs = [...new Set(found)];
    const made = {
      cut: layers.model({ inputs: whole.inputs, outputs }),
      order: found.map((tensor) => outputs.indexOf(tensor)),
    };
    cuts.set(key, made);
    return made;
  };
  return {
    inputs: whole.inputs.map((input) => infoOf(input, graph)),
    outputs: whole.outputs.map((output) => infoOf(output, graph)),
    run: (inputs, tensors) => {
      const given = whole.inputs.map(({ sourceLayer }) => inputs[sourceLayer.name] as tf.Tensor);
      const { cut, order } = cutAt(tensors);
      const found = cut.apply(given, { training: false }) as tf.Tensor | tf.Tensor[];
      const all = Array.isArray(found) ? found : [found];
      return order.map((i) => all[i] as tf.Tensor);
    },
    release: () => disposeLayers(whole),
  };
}

/** Reads a layers model with tfjs-layers. Throws `EngineError` if its weights do not fit its layers. */
export async function readLayers(file: ModelJson, weightData: ArrayBuffer): Promise<layers.LayersModel> {
  const model = await layers.loadLayersModel(tf.io.fromMemory({ modelTopology: readTopology(file.modelTopology) }));
  try {
    const matched = matchWeights(variablesOf(model), weightsOf(file));
    const variables = new Map([...matched].map(([variable, { name }]) => [name, variable]));
    readEach(weightsOf(file), weightData, (name, values) => void variables.get(name)?.weight.write(values));
    return model;
  } catch (error) {
    disposeLayers(model);
    throw error;
  }
}

/** Frees a model's weights. TensorFlow.js counts uses and keeps those of layers that are applied twice. */
export function disposeLayers({ weights }: layers.LayersModel): void {
  for (const weight of new Set(weights)) weight.dispose();
}

/** Lists the inputs of a layers model. */
export function inputsOf(model: layers.LayersModel): TensorInfo[] {
  const graph = graphOf(model);
  return model.inputs.map((input) => infoOf(input, graph));
}

function infoOf(tensor: layers.SymbolicTensor, graph: LayerGraph): TensorInfo {
  const name = tensor.sourceLayer.getClassName() === "InputLayer" ? tensor.sourceLayer.name : nameTensor(graph, tensor);
  const { shape, dtype } = tensor;
  return { name, shape: shape.map((size) => size ?? -1), dtype: dtype as TensorType };
}
