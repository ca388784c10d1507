import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { ImageNetwork } from "./image-networks.ts";

/** Returns what TensorFlow.js saves of a model: its topology, and its weights with their bytes. */
export async function savedModel(model: LayersModel) {
  const saved = await new Promise<tf.io.ModelArtifacts>((resolve) => {
    void model.save({
      save: async (artifacts) => {
        resolve(artifacts);
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" as const } };
      },
    });
  });
  const { modelTopology, format, generatedBy, weightSpecs = [], weightData } = saved;
  const values = tf.io.CompositeArrayBuffer.join(weightData as ArrayBuffer);
  return { modelTopology: modelTopology as Record<string, unknown>, format, generatedBy, weightSpecs, values };
}

/** Saves a model in the format of TensorFlow.js into a folder, in two shards; returns the path of its model.json. */
export async function saveLayersModel(model: LayersModel, folder: string): Promise<string> {
  const { modelTopology, format, generatedBy, weightSpecs, values } = await savedModel(model);
  const bytes = new Uint8Array(values);
  const shards = [bytes.slice(0, bytes.length >> 1), bytes.slice(bytes.length >> 1)];
  const paths = ["group1-shard1of2.bin", "group1-shard2of2.bin"];
  const manifest = [{ paths, weights: weightSpecs }];
  return write(folder, { modelTopology, format, generatedBy, weightsManifest: manifest }, paths, shards);
}

/** Writes the files of a network into a folder; returns the path of its model.json. */
export function saveNetwork(
  { modelJson, files }: Pick<ImageNetwork, "modelJson"> & { files: { shards: ArrayBuffer[] } },
  folder: string,
): Promise<string> {
  const shards = files.shards.map((shard) => new Uint8Array(shard));
  return write(folder, modelJson, modelJson.weightsManifest[0]?.paths ?? [], shards);
}

async function write(folder: string, modelJson: object, paths: string[], shards: Uint8Array[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [i, shard] of shards.entries()) await writeFile(join(folder, paths[i] as string), shard);
  const path = join(folder, "model.json");
  await writeFile(path, JSON.stringify(modelJson));
  return path;
}
