import { nameTensor } from "#core/model/tfjs/layer-graph.ts";
import { disposeLayers, readLayers } from "#core/model/tfjs/layers-model.ts";
import { NoDenseEndError } from "./cut.ts";
import type { TfjsModelFiles } from "./files.ts";
import { lastDense as lastOfGraph } from "./graph.ts";
import { readNodes } from "./graph-nodes.ts";
import { lastDense as lastOfLayers } from "./layers.ts";
import { valuesOf } from "./values.ts";

/** Finds the input of a model's last dense layer and its width; null when the model does not end in a dense layer. */
export async function embeddingOf(files: TfjsModelFiles): Promise<{ tensor: string; width: number } | null> {
  return files.kind === "tfjs-graph-model" ? ofGraph(files) : ofLayers(files);
}

function ofGraph(files: TfjsModelFiles): { tensor: string; width: number } | null {
  const nodes = readNodes(files.modelJson);
  const found = orNull(() => lastOfGraph(files, nodes));
  const width = found && valuesOf(files, [found.kernel]).get(found.kernel)?.shape[0];
  return found && width ? { tensor: found.embedding, width } : null;
}

async function ofLayers({ modelJson, values }: TfjsModelFiles): Promise<{ tensor: string; width: number } | null> {
  const model = await readLayers(modelJson, values);
  try {
    const found = orNull(() => lastOfLayers(model));
    return found && { tensor: nameTensor(found.graph, found.embedding), width: found.embedding.shape[1] as number };
  } finally {
    disposeLayers(model);
  }
}

function orNull<T>(search: () => T): T | null {
  try {
    return search();
  } catch (error) {
    if (error instanceof NoDenseEndError) return null;
    throw error;
  }
}
