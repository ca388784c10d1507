import type { TfjsModelFiles } from "../files.ts";
import { openGraph } from "./plain-graph.ts";
import { openLayers } from "./plain-layers.ts";
import type { PlainModel } from "./plain-model.ts";

/** Reads a model for TensorFlow.js alone. `tensors` are a graph's outputs; a layers model has its own. */
export function openPlain(files: TfjsModelFiles, tensors: readonly string[]): Promise<PlainModel> | PlainModel {
  return files.kind === "tfjs-graph-model" ? openGraph(files, tensors) : openLayers(files);
}
