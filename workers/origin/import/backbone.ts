import { findTensor, UnknownTensorError } from "#core/model/tfjs/layer-graph.ts";
import { disposeLayers, readLayers } from "#core/model/tfjs/layers-model.ts";
import type { NetworkParts } from "../train/pack.ts";
import { partsOf, type TfjsModelFiles } from "./files.ts";
import { nodeName, reachable, readNodes } from "./graph-nodes.ts";
import { partsUpTo } from "./layers.ts";

/** A model up to one of its tensors, without the nodes that only later tensors need. */
export type BackboneParts = Omit<NetworkParts, "head">;

/**
 * Cuts a model after a tensor: a layer, or a graph's node, with its application and output where they are not the first (see
 * `parseTensor`). Throws, listing the last ones, when the model does not have it.
 */
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
    return partsUpTo(files, model, findTensor(model, tensor));
  } catch (cause) {
    if (!(cause instanceof UnknownTensorError)) throw cause;
    throw unknownTensor(tensor, cause.known);
  } finally {
    disposeLayers(model);
  }
}

function unknownTensor(tensor: string, known: readonly string[]): Error {
  const last = known.slice(-12).join(", ");
  return new Error(
    `The base has no layer '${tensor}' to cut at. Pass one of its layers with --cut, as 'layer@1' for its second application ` +
      `or 'layer:1' for its second output; the last are ${last}.`,
  );
}
