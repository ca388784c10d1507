import type { LoadedModel } from "#core/model/engine.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import type { TfjsModelFiles } from "../files.ts";

/** Loads a model as the edge does. */
export async function openModel({ kind, modelJson, values }: TfjsModelFiles): Promise<LoadedModel> {
  const topology = new TextEncoder().encode(JSON.stringify(modelJson)).buffer as ArrayBuffer;
  return (await tfjsEngine()).load(kind, { topology, shards: [values] });
}
