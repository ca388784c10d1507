import type * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { graphOf, inlined, isModel, type LayerGraph, nameTensor, nodeOf } from "#core/model/tfjs/layer-graph.ts";
import { disposeLayers, inputsOf, readLayers } from "#core/model/tfjs/layers-model.ts";
import { matchWeights, variablesOf } from "#core/model/tfjs/match-weights.ts";
import { weightsOf } from "#core/model/tfjs/model-json.ts";
import { type NetworkParts, type StoredPart, topologyOf } from "../train/pack.ts";
import { type CutNetwork, headFor, type LastActivation, NoDenseEndError } from "./cut.ts";
import { partsOf, type TfjsModelFiles } from "./files.ts";

/** Cuts a layers model before its last dense layer; tfjs-layers reads it and writes the backbone. */
export async function cutLayersModel(files: TfjsModelFiles, classes: number): Promise<CutNetwork> {
  const model = await load(files);
  const { dense, embedding, activation } = lastDense(model);
  const [kernel, bias] = dense.getWeights() as [tf.Tensor2D, tf.Tensor1D | undefined];
  const head = headFor(
    (await kernel.data()) as Float32Array,
    bias ? ((await bias.data()) as Float32Array) : null,
    kernel.shape[1],
    classes,
    activation,
  );
  return {
    parts: { ...partsUpTo(files, model, embedding), head },
    inputs: inputsOf(model),
    run: (inputs) => model.predict(inputs) as tf.Tensor,
    activation,
    release: () => disposeLayers(model),
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

/** The dense layer that computes the class scores, its input, and the activation that follows. */
interface LastDense {
  dense: layers.layers.Layer;
  embedding: layers.SymbolicTensor;
  /** The graph that `embedding` is of, with the layers of inner models. */
  graph: LayerGraph;
  activation: LastActivation;
}

/**
 * Finds the dense layer that computes the class scores, also inside inner models, and its activation, which may be a separate
 * layer. Throws `NoDenseEndError` when the model ends otherwise.
 */
export function lastDense(model: layers.LayersModel): LastDense {
  if (model.outputs.length !== 1) throw new NoDenseEndError(`${model.outputs.length} outputs`);
  const graph = inlined(model);
  let tensor = graph.outputs[0] as layers.SymbolicTensor;
  let after: string | null = null;
  for (;;) {
    const layer = tensor.sourceLayer;
    const name = layer.getClassName();
    const own = name === "Softmax" ? "softmax" : (layer.getConfig().activation as string | undefined);
    const isLast = name === "Dense";
    if (own && own !== "linear") {
      if (after !== null || (own !== "softmax" && own !== "sigmoid"))
        throw new NoDenseEndError(`'${layer.name}', ${own}`);
      after = own;
    }
    const [before] = nodeOf(tensor).inputTensors as [layers.SymbolicTensor?];
    if (isLast && before?.shape.length === 2) {
      return { dense: layer, embedding: before, graph, activation: (after ?? "linear") as LastActivation };
    }
    if (isLast || !before || !["Softmax", "Activation", "Dropout"].includes(name))
      throw new NoDenseEndError(`'${layer.name}', ${name}`);
    tensor = before;
  }
}

/** Returns a model up to one of its tensors, with the weights in their stored form. */
export function partsUpTo(
  files: TfjsModelFiles,
  model: layers.LayersModel,
  tensor: layers.SymbolicTensor,
): Omit<NetworkParts, "head"> {
  const stored = storedWeights(files, model);
  const graph = graphOf({ outputs: [tensor] });
  giveOwnNames(graph);
  const backbone = layers.model({ inputs: model.inputs, outputs: tensor });
  const weights = variablesOf(backbone).map(({ weight, path }) => {
    const { bytes, spec } = stored.get(weight) as StoredPart;
    return { bytes, spec: { ...spec, name: path.join("/") } };
  });
  return { kind: "tfjs-layers-model", modelTopology: topologyOf(backbone), weights, tensor: nameTensor(graph, tensor) };
}

function storedWeights(files: TfjsModelFiles, model: layers.LayersModel): Map<layers.LayerVariable, StoredPart> {
  const parts = partsOf(files);
  const matched = matchWeights(variablesOf(model), weightsOf(files.modelJson));
  return new Map([...matched].map(([{ weight }, { name }]) => [weight, parts.get(name) as StoredPart]));
}

// Two inner models may have layers of one name, which one model cannot have.
function giveOwnNames({ applications }: LayerGraph): void {
  const taken = new Set<string>();
  for (const layer of new Set(applications.map((one) => one.layer))) {
    let name = layer.name;
    for (let i = 2; taken.has(name); i++) name = `${layer.name}_of_${i}`;
    taken.add(name);
    if (name !== layer.name) rename(layer, name);
  }
}

function rename(layer: layers.layers.Layer, name: string): void {
  const before = layer.name;
  layer.name = name;
  if (isModel(layer)) return;
  for (const weight of layer.weights as { originalName: string }[]) {
    if (!weight.originalName.startsWith(`${before}/`)) continue;
    weight.originalName = `${name}${weight.originalName.slice(before.length)}`;
  }
}
