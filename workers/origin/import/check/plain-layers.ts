import type * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import type { Tensor } from "#core/model/engine.ts";
import { disposeLayers, readLayers } from "#core/model/tfjs/layers-model.ts";
import type { TfjsModelFiles } from "../files.ts";
import type { PlainModel } from "./plain-model.ts";
import { listOf, tensorOf, tidied, valuesIn } from "./plain-tensors.ts";

/** A call of a layer within a model. */
export interface LayerCall {
  name: string;
  layer: layers.layers.Layer;
  inputs: layers.SymbolicTensor[];
  outputs: layers.SymbolicTensor[];
}

/** Reads a layers model for TensorFlow.js alone. */
export async function openLayers({ modelJson, values }: TfjsModelFiles): Promise<PlainModel> {
  return plainOf(await readLayers(modelJson, values));
}

// tfjs-layers keeps the calls of a model by depth; its types do not show them.
interface ModelInside {
  nodesByDepth?: Record<
    string,
    {
      outboundLayer: layers.layers.Layer;
      inputTensors: layers.SymbolicTensor[];
      outputTensors: layers.SymbolicTensor[];
    }[]
  >;
}

/** Lists the calls of layers of a functional model in topological order, without those of input layers. */
export function callsOf(model: layers.LayersModel): LayerCall[] {
  const { nodesByDepth = {} } = model as unknown as ModelInside;
  const depths = Object.keys(nodesByDepth)
    .map(Number)
    .sort((a, b) => b - a);
  return depths
    .flatMap((depth) => nodesByDepth[depth] ?? [])
    .filter(({ outboundLayer }) => outboundLayer.getClassName() !== "InputLayer")
    .map(({ outboundLayer: layer, inputTensors, outputTensors }) => {
      return { name: layer.name, layer, inputs: inputTensors, outputs: outputTensors };
    });
}

/** Returns the layer as a model if it is one. */
export function modelIn({ layer }: LayerCall): layers.LayersModel | null {
  return layer instanceof layers.LayersModel ? layer : null;
}

/** Returns a model that knows its calls: a sequential one may not. */
export function functionalOf(model: layers.LayersModel): layers.LayersModel {
  const isKnown = !(model instanceof layers.Sequential);
  return isKnown ? model : layers.model({ inputs: model.inputs, outputs: model.outputs });
}

function plainOf(whole: layers.LayersModel, path = ""): PlainModel {
  const model = functionalOf(whole);
  const calls = callsOf(model);
  const predict = (outputs: layers.SymbolicTensor[], inputs: readonly Tensor[]): Tensor[] =>
    tidied(() => {
      model.resetStates();
      const unique = [...new Set(outputs)];
      // An output that is an input is not computed.
      const computed = unique.filter((output) => !model.inputs.includes(output));
      const given = inputs.map((input, i) => tensorOf(input, model.inputs[i]?.dtype));
      const found =
        computed.length === 0
          ? []
          : listOf(layers.model({ inputs: model.inputs, outputs: computed }).apply(given, { training: false }));
      return outputs.map((output) => {
        const at = model.inputs.indexOf(output);
        return valuesIn((at >= 0 ? given[at] : found[computed.indexOf(output)]) as tf.Tensor);
      });
    });
  const valueAt = (tensor: layers.SymbolicTensor, inputs: readonly Tensor[], known: readonly Tensor[][]): Tensor => {
    const at = model.inputs.indexOf(tensor);
    if (at >= 0) return inputs[at] as Tensor;
    const call = calls.findIndex(({ outputs }) => outputs.includes(tensor));
    return known[call]?.[calls[call]?.outputs.indexOf(tensor) ?? -1] as Tensor;
  };
  return {
    run: (inputs) => predict(model.outputs, inputs),
    steps: calls.map(({ name, layer }) => ({ name: `${path}${name}`, operation: layer.getClassName() })),
    runSteps: (inputs, count) => {
      const chosen = calls.slice(0, count);
      const found = predict(
        chosen.flatMap(({ outputs }) => outputs),
        inputs,
      );
      return chosen.map(({ outputs }) => found.splice(0, outputs.length));
    },
    runAlone: (step, inputs, known) => {
      const { layer, inputs: own } = calls[step] as LayerCall;
      return tidied(() => {
        model.resetStates();
        const given = own.map((tensor) => tensorOf(valueAt(tensor, inputs, known), tensor.dtype));
        const found = layer.apply(given.length === 1 ? (given[0] as tf.Tensor) : given, { training: false });
        return listOf(found as tf.Tensor | tf.Tensor[]).map(valuesIn);
      });
    },
    inside: (step, inputs, known) => {
      const call = calls[step] as LayerCall;
      const inner = modelIn(call);
      if (!inner) return null;
      const given = call.inputs.map((tensor) => valueAt(tensor, inputs, known));
      return { model: plainOf(inner, `${path}${call.name}/`), inputs: given };
    },
    release: () => disposeLayers(whole),
  };
}
