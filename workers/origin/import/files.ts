import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { concatBytes } from "#core/bytes.ts";
import { decoded } from "#core/model/tfjs/match-weights.ts";
import { type ModelJson, readModelJson, weightsOf } from "#core/model/tfjs/model-json.ts";
import { storedBytes } from "#core/model/tfjs/stored-size.ts";
import { pathInside } from "../inside.ts";
import type { StoredPart } from "../train/pack.ts";
import { nodeConstants } from "./node-constants.ts";
import { convertOnnx, type OnnxOptions } from "./onnx/index.ts";
import { checkWeightTypes } from "./refused/weights.ts";

/** A model as TensorFlow.js stores it. */
export interface TfjsModelFiles {
  path: string;
  kind: "tfjs-layers-model" | "tfjs-graph-model";
  modelJson: ModelJson;
  /** The bytes of all weights, one after another. */
  values: ArrayBuffer;
}

/**
 * Reads a model.json and its shards, which lie in its folder, or converts an ONNX model. Throws, naming the file, when one is
 * missing, too short, or elsewhere.
 */
export async function readModelFiles(given: string, options: OnnxOptions = {}): Promise<TfjsModelFiles> {
  if (given.toLowerCase().endsWith(".onnx")) return convertOnnx(given, await read(given, "an ONNX model"), options);
  const path = existsSync(given) && (await stat(given)).isDirectory() ? join(given, "model.json") : given;
  const bytes = new Uint8Array(await read(path, `a TensorFlow.js model.json or its folder`)).buffer;
  checkWeightTypes(parseJson(bytes));
  const modelJson = readModelJson(bytes);
  // A model without weights may be saved without the file that it names.
  const groups = modelJson.weightsManifest.filter(({ weights }) => weights.length > 0);
  const paths = groups.flatMap((group) => group.paths);
  const shards = await Promise.all(
    paths.map(async (name) => read(await shardPath(path, name), `shard '${name}' of ${path}`)),
  );
  const values = concatBytes(shards).buffer;
  const expected = weightsOf(modelJson).reduce((sum, spec) => sum + storedBytes(spec), 0);
  if (values.byteLength !== expected) {
    throw new Error(
      `${path} lists weights of ${expected} bytes, but its shards have ${values.byteLength}. Save the model again, and ` +
        "copy model.json with all its shards.",
    );
  }
  const kind = "node" in modelJson.modelTopology ? "tfjs-graph-model" : "tfjs-layers-model";
  return servedParts({ path, kind, modelJson, values });
}

// Some tools write the names of files as in a URL.
async function shardPath(modelPath: string, name: string): Promise<string> {
  const path = await pathInside(dirname(modelPath), name, modelPath);
  return existsSync(path) ? path : pathInside(dirname(modelPath), decoded(name), modelPath);
}

// Without what only training uses, and with the constants that a graph has in its nodes.
function servedParts(files: TfjsModelFiles): TfjsModelFiles {
  const parts = [...partsOf(files).values(), ...nodeConstants(files.modelJson)].filter(
    ({ spec }) => spec.group !== "optimizer",
  );
  const weightsManifest = [{ paths: ["weights.bin"], weights: parts.map(({ spec }) => spec) }];
  const modelJson = { ...files.modelJson, weightsManifest };
  return { ...files, modelJson, values: concatBytes(parts.map(({ bytes }) => bytes)).buffer };
}

// Whether it is JSON at all is checked by what reads it.
function parseJson(bytes: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

/** Lists the weights by name, each in its stored form. */
export function partsOf({ modelJson, values }: TfjsModelFiles): Map<string, StoredPart> {
  let offset = 0;
  return new Map(
    weightsOf(modelJson).map((spec) => {
      const bytes = new Uint8Array(values, offset, storedBytes(spec));
      offset += bytes.length;
      return [spec.name, { bytes, spec }];
    }),
  );
}

async function read(path: string, expected: string): Promise<Uint8Array> {
  return readFile(path).catch((cause) => {
    const reason = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "there is none" : "it cannot be read";
    throw new Error(`Expected ${expected} at ${path}, but ${reason}.`, { cause });
  });
}
