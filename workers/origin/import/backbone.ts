import * as layers from "@tensorflow/tfjs-layers";
import { readLayers } from "#core/model/tfjs/layers-model.ts";
import { type NetworkParts, topologyOf } from "../train/pack.ts";
import { partsOf, type TfjsModelFiles } from "./files.ts";
import { nodeName, reachable, readNodes } from "./graph-nodes.ts";
import { storedWeights } from "./layers.ts";

/** A model up to one of its tensors, without the nodes that only later tensors need. */
export type BackboneParts = Omit<NetworkParts, "head">;

/** Cuts a model after a layer, or after a graph's node. Throws, listing the last ones, when the model does not have it. */
export function backboneOf(files: TfjsModelFiles, tensor: string): Promise<BackboneParts> | BackboneParts {
  return files.kind === "tfjs-graph-model" ? ofGraph(files, tensor) : ofLayers(files, tensor);
}

function ofGraph(files: TfjsModelFiles, tensor: string): BackboneParts {
  const nodes = readNodes(files.modelJson);
  const name = nodeName(tensor);
  if (!nodes.has(name))
    throw unknownTensor(
      tensor,
      [...nodes.values()].filter(({ op }) => op !== "Const").map((n) => n.name),
    );
  const kept = reachable(name, nodes);
  const weights = [...partsOf(files)].filter(([weight]) => kept.has(weight)).map(([, part]) => part);
  const modelTopology = { node: [...kept.values()], library: {}, versions: {} };
  return { kind: "tfjs-graph-model", modelTopology, weights, tensor };
}

async function ofLayers(files: TfjsModelFiles, tensor: string): Promise<BackboneParts> {
  const model = await readLayers(files.modelJson, files.values);
  try {
    const layer = model.layers.find(({ name }) => name === tensor);
    if (!layer)
      throw unknownTensor(
        tensor,
        model.layers.map(({ name }) => name),
      );
    const backbone = layers.model({ inputs: model.inputs, outputs: layer.output });
    const weights = await storedWeights(backbone, partsOf(files));
    return { kind: "tfjs-layers-model", modelTopology: topologyOf(backbone), weights, tensor };
  } finally {
    model.dispose();
  }
}

function unknownTensor(tensor: string, known: readonly string[]): Error {
  const last = known.slice(-12).join(", ");
  return new Error(
    `The base has no layer '${tensor}' to cut at. Pass one of its layers with --cut; the last are ${last}.`,
  );
}
