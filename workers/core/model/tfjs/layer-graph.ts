import * as layers from "@tensorflow/tfjs-layers";
import { EngineError } from "../engine.ts";
import { formatTensor, parseTensor } from "../tensor-name.ts";

/** One application of a layer in a model. A layer that is applied twice has two, with the same weights. */
export interface Application {
  /** The layer's name, behind the names of the models that it is inside, separated by '/'. */
  path: string;
  layer: layers.layers.Layer;
  outputs: readonly layers.SymbolicTensor[];
}

/** A model's applications of layers, in the order in which each layer was applied, and its outputs. */
export interface LayerGraph {
  applications: readonly Application[];
  outputs: readonly layers.SymbolicTensor[];
}

/** The models around a layer, from the outermost, with their applications. */
interface Inside {
  path: readonly string[];
  at: readonly number[];
}

/** Returns the application that computes a tensor. */
export function nodeOf({ sourceLayer, nodeIndex }: layers.SymbolicTensor): layers.layers.Layer["inboundNodes"][number] {
  return sourceLayer.inboundNodes[nodeIndex] as layers.layers.Layer["inboundNodes"][number];
}

/** Returns whether a layer is a model. */
export function isModel(layer: layers.layers.Layer): layer is layers.LayersModel {
  return layer instanceof layers.LayersModel;
}

/** Lists what a model's outputs depend on. A model inside it is one layer. */
export function graphOf({ outputs }: Pick<layers.LayersModel, "outputs">): LayerGraph {
  const found = new Map<unknown, Application & { at: number }>();
  const visit = (tensor: layers.SymbolicTensor) => {
    const node = nodeOf(tensor);
    if (found.has(node)) return;
    const layer = tensor.sourceLayer;
    found.set(node, { path: layer.name, layer, outputs: node.outputTensors, at: tensor.nodeIndex });
    node.inputTensors.forEach(visit);
  };
  outputs.forEach(visit);
  return { applications: [...found.values()].sort((a, b) => a.at - b.at), outputs };
}

/**
 * Applies the layers of the models inside a model directly, so that each layer is one of the outer model. Layers that follow
 * such a model are applied once more; weights are shared with the given model.
 */
export function inlined(model: layers.LayersModel): LayerGraph {
  const applications: (Application & { at: number[] })[] = [];
  const apply = (
    { sourceLayer: layer, nodeIndex }: layers.SymbolicTensor,
    { inputTensors, outputTensors, callArgs }: ReturnType<typeof nodeOf>,
    given: readonly layers.SymbolicTensor[],
    inside: Inside,
  ): readonly layers.SymbolicTensor[] => {
    const here = { path: [...inside.path, layer.name], at: [...inside.at, nodeIndex] };
    if (isModel(layer)) return inlineModel(layer, given, here);
    const isSame = given.every((tensor, i) => tensor === inputTensors[i]);
    const outputs = isSame ? outputTensors : listOf(layer.apply(oneOrAll(given), argsOf(callArgs)));
    applications.push({ path: here.path.join("/"), layer, outputs, at: here.at });
    return outputs;
  };
  const inlineModel = (
    { inputs, outputs }: layers.LayersModel,
    given: readonly layers.SymbolicTensor[],
    inside: Inside,
  ): layers.SymbolicTensor[] => {
    const known = new Map(inputs.map((input, i) => [input, given[i] as layers.SymbolicTensor]));
    const inline = (tensor: layers.SymbolicTensor): layers.SymbolicTensor => {
      if (!known.has(tensor)) {
        const node = nodeOf(tensor);
        const found = apply(tensor, node, node.inputTensors.map(inline), inside);
        for (const [i, output] of node.outputTensors.entries()) known.set(output, found[i] as layers.SymbolicTensor);
      }
      return known.get(tensor) as layers.SymbolicTensor;
    };
    return outputs.map(inline);
  };
  const inputs = model.inputs.map((input) => {
    return { path: input.sourceLayer.name, layer: input.sourceLayer, outputs: [input] };
  });
  const outputs = inlineModel(model, model.inputs, { path: [], at: [] });
  const inOrder = applications.sort((a, b) => compare(a.at, b.at));
  return { applications: [...inputs, ...inOrder], outputs };
}

/**
 * Finds a tensor of a model by its text (see `parseTensor`). A layer inside an inner model is named by its name, if no other
 * layer has it, or by its path `model/layer`. Throws `UnknownTensorError` if there is no such tensor.
 */
export function findTensor(model: layers.LayersModel, text: string): layers.SymbolicTensor {
  const outer = graphOf(model).applications;
  const found = tensorIn(outer, text) ?? wholeInside(model, text);
  if (found) return found;
  const hasModels = outer.some(({ layer }) => isModel(layer));
  const all = hasModels ? inlined(model).applications : outer;
  const inside = hasModels ? (tensorIn(all, text) ?? tensorIn(byName(all), text)) : null;
  if (inside) return inside;
  throw new UnknownTensorError(text, [...new Set(all.map(({ path }) => path))]);
}

/** A tensor that a model does not have, with the layers that it has. */
export class UnknownTensorError extends EngineError {
  readonly known: readonly string[];
  constructor(text: string, known: readonly string[]) {
    super(
      `The model has no tensor '${text}'. Name a layer, with '@1' for its second application or ':1' for its second output; ` +
        `its last layers are ${known.slice(-12).join(", ")}.`,
    );
    this.known = known;
  }
}

/** Names a tensor of a model, so that `findTensor` finds it. */
export function nameTensor({ applications }: LayerGraph, tensor: layers.SymbolicTensor): string {
  const own = applications.find(({ outputs }) => outputs.includes(tensor)) as Application;
  const all = applications.filter(({ path }) => path === own.path);
  const place = { name: own.path, node: all.indexOf(own), index: own.outputs.indexOf(tensor) };
  return formatTensor(place, (name) => applications.some(({ path }) => path === name));
}

function tensorIn(applications: readonly Application[], text: string): layers.SymbolicTensor | null {
  const { name, node, index } = parseTensor(text, (one) => applications.some(({ path }) => path === one));
  return applications.filter(({ path }) => path === name)[node]?.outputs[index] ?? null;
}

// The first model of a Sequential has no application: its layers are those of the outer model.
function wholeInside({ layers: all }: layers.LayersModel, text: string): layers.SymbolicTensor | null {
  const inner = all.find(({ name }) => name === text);
  return inner && isModel(inner) ? (inner.outputs[0] ?? null) : null;
}

// Layers under their plain names, where only one layer has that name.
function byName(applications: readonly Application[]): Application[] {
  const paths = new Map<string, Set<string>>();
  for (const { layer, path } of applications) {
    paths.set(layer.name, (paths.get(layer.name) ?? new Set()).add(path));
  }
  return applications
    .filter(({ layer }) => paths.get(layer.name)?.size === 1)
    .map((one) => ({ ...one, path: one.layer.name }));
}

function compare(a: readonly number[], b: readonly number[]): number {
  const differing = a.findIndex((at, i) => at !== b[i]);
  return differing < 0 ? 0 : (a[differing] as number) - (b[differing] ?? 0);
}

// The initial state of a recurrent layer is also among its inputs.
function argsOf({ initialState: _, ...args }: Record<string, unknown> = {}) {
  return args as Parameters<layers.layers.Layer["apply"]>[1];
}

function oneOrAll<T>(all: readonly T[]): T | T[] {
  return all.length === 1 ? (all[0] as T) : [...all];
}

function listOf(found: unknown): layers.SymbolicTensor[] {
  return (Array.isArray(found) ? found : [found]) as layers.SymbolicTensor[];
}
