import type { LoadedModel } from "#core/model/engine.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import type { TfjsModelFiles } from "../files.ts";

/** Loads a model as the edge does. */
export async function openModel({ kind, modelJson, values }: TfjsModelFiles): Promise<LoadedModel> {
  const topology = new TextEncoder().encode(JSON.stringify(modelJson)).buffer as ArrayBuffer;
  return servingEngine.load(kind, { topology, shards: [values] });
}
