import type * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { inputsOf, readLayers } from "#core/model/tfjs/layers-model.ts";
import { type StoredPart, storedPart, topologyOf } from "../train/pack.ts";
import { type CutNetwork, headFor, type LastActivation, NoDenseEndError } from "./cut.ts";
import { partsOf, type TfjsModelFiles } from "./files.ts";

/** Cuts a layers model before its last dense layer; tfjs-layers reads it and writes the backbone. */
export async function cutLayersModel(files: TfjsModelFiles, classes: number): Promise<CutNetwork> {
  const model = await load(files);
  const { dense, activation } = lastDense(model);
  const embedding = dense.input as layers.SymbolicTensor;
  const backbone = layers.model({ inputs: model.inputs, outputs: embedding });
  const [kernel, bias] = dense.getWeights() as [tf.Tensor2D, tf.Tensor1D | undefined];
  const head = headFor(
    (await kernel.data()) as Float32Array,
    bias ? ((await bias.data()) as Float32Array) : null,
    kernel.shape[1],
    classes,
    activation,
  );
  const weights = await storedWeights(backbone, partsOf(files));
  const { name: tensor } = embedding.sourceLayer;
  return {
    parts: { kind: "tfjs-layers-model", modelTopology: topologyOf(backbone), weights, tensor, head },
    inputs: inputsOf(model),
    run: (inputs) => model.predict(inputs) as tf.Tensor,
    activation,
    release: () => model.dispose(),
  };
}

async function load({ path, modelJson, values }: TfjsModelFiles): Promise<layers.LayersModel> {
  try {
    return await readLayers(modelJson, values);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`TensorFlow.js cannot read the layers model ${path}: ${reason}`, { cause });
  }
}

/**
 * Finds the dense layer that computes the class scores and its activation, which may be a separate layer. Throws
 * `NoDenseEndError` when the model ends otherwise.
 */
export function lastDense(model: layers.LayersModel): { dense: layers.layers.Layer; activation: LastActivation } {
  if (model.outputs.length !== 1) throw new NoDenseEndError(`${model.outputs.length} outputs`);
  let layer = (model.outputs[0] as layers.SymbolicTensor).sourceLayer;
  let after: string | null = null;
  for (;;) {
    const name = layer.getClassName();
    const own = name === "Softmax" ? "softmax" : (layer.getConfig().activation as string | undefined);
    const isLast = name === "Dense";
    if (own && own !== "linear") {
      if (after !== null || (own !== "softmax" && own !== "sigmoid"))
        throw new NoDenseEndError(`'${layer.name}', ${own}`);
      after = own;
    }
    if (layer.inboundNodes.length !== 1) throw new NoDenseEndError(`'${layer.name}', which is applied more than once`);
    const before = layer.input as layers.SymbolicTensor;
    if (isLast && before.shape.length === 2) {
      return { dense: layer, activation: (after ?? "linear") as LastActivation };
    }
    if (isLast || !["Softmax", "Activation", "Dropout"].includes(name))
      throw new NoDenseEndError(`'${layer.name}', ${name}`);
    layer = before.sourceLayer;
  }
}

/** Returns a backbone's weights, in their stored form where the names match; Keras versions name weights differently. */
export function storedWeights(backbone: layers.LayersModel, known: Map<string, StoredPart>): Promise<StoredPart[]> {
  return Promise.all(
    backbone.weights.map(async (weight) => {
      const found = known.get(weight.originalName);
      if (found) return found;
      const values = (await weight.read().data()) as Float32Array;
      return storedPart(weight.originalName, weight.shape as number[], values, "float32");
    }),
  );
}
