import { closeSync, openSync, readSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { concatBytes } from "#core/bytes.ts";
import type { ModelJson } from "#core/model/tfjs/model-json.ts";
import { pathInside } from "../../inside.ts";
import { convertModel, type OnnxOptions } from "./convert.ts";
import { type Dim, isKnown } from "./dims.ts";
import { OnnxError } from "./errors.ts";
import { type GraphProto, type ModelProto, readModel } from "./messages.ts";
import { simplified } from "./simplify.ts";
import type { ReadExternal } from "./tensors.ts";
import { attr } from "./tf-graph.ts";

export type { OnnxOptions };

const oldestOpset = 11;
const newestOpset = 23;

/** A graph model that was converted, as `readModelFiles` returns models. */
export interface ConvertedFiles {
  path: string;
  kind: "tfjs-graph-model";
  modelJson: ModelJson;
  values: ArrayBuffer;
}

/**
 * Converts an ONNX model to a TensorFlow.js graph model. Its inputs and outputs keep their names and shapes, the batch first.
 * @throws Error that names the node, when it has an operator or an attribute that is not supported
 */
export async function convertOnnx(path: string, bytes: Uint8Array, options: OnnxOptions = {}): Promise<ConvertedFiles> {
  const model = readOnnx(path, bytes);
  const readExternal = await externalFiles(path, model);
  try {
    const { g, inputs, outputs } = convertModel(model, readExternal, options);
    const names = [...outputs.values()].map(({ node }) => node);
    const node = simplified(g.nodes, new Set([...inputs.values()].map((one) => one.node)), names);
    const kept = new Set(node.map(({ name }) => name));
    const weights = [...g.weights].filter(([name]) => kept.has(name)).map(([, part]) => part);
    const side = (all: typeof inputs) =>
      Object.fromEntries(
        [...all].map(([name, { node: own, shape, dtype }]) => [name, described(own, shape, attr.type(dtype).type)]),
      );
    return {
      path,
      kind: "tfjs-graph-model",
      modelJson: {
        modelTopology: { node, library: {}, versions: {} },
        weightsManifest: [{ paths: [], weights: weights.map(({ spec }) => spec) }],
        signature: { inputs: side(inputs), outputs: side(outputs) },
      },
      values: concatBytes(weights.map((part) => part.bytes)).buffer,
    };
  } catch (cause) {
    if (!(cause instanceof OnnxError)) throw cause;
    throw new Error(`${path} cannot be converted for the edge: ${cause.message}.`.replace(/\.\.$/, "."), { cause });
  }
}

function described(node: string, shape: readonly Dim[], dtype: string) {
  const dim = shape.map((size) => ({ size: isKnown(size) ? String(size) : "-1" }));
  return { name: `${node}:0`, dtype, tensorShape: { dim } };
}

function readOnnx(path: string, bytes: Uint8Array): ModelProto & { graph: GraphProto } {
  let model: ModelProto;
  try {
    model = readModel(bytes);
  } catch (cause) {
    throw new Error(`${path} is not an ONNX model, or is damaged: ${hintOf(bytes)}.`, { cause });
  }
  const { graph, opsetImport } = model;
  if (!graph || graph.node.length === 0 || opsetImport.length === 0) {
    throw new Error(`${path} is not an ONNX model: ${hintOf(bytes)}.`);
  }
  const opset = opsetImport.find(({ domain }) => !domain || domain === "ai.onnx")?.version ?? 0;
  if (opset < oldestOpset || opset > newestOpset) {
    throw new Error(
      `${path} is written for opset ${opset}; ${oldestOpset} to ${newestOpset} can be read. Export it with opset_version=17.`,
    );
  }
  if (graph.sparseInitializer.length > 0) throw new Error(`${path} has sparse weights. Export it with dense ones.`);
  return { ...model, graph };
}

function hintOf(bytes: Uint8Array): string {
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, 40));
  if (start.startsWith("version https://git-lfs"))
    return "it is a pointer of Git LFS. Fetch the file with 'git lfs pull'";
  if (start.startsWith("PK"))
    return "it is a zip archive, such as torch.save writes. Export the model with torch.onnx.export";
  return "expected a file that torch.onnx.export or another exporter wrote. Export the model again";
}

/** Finds the files with the values of large models, beside the model; each tensor is read when it is needed. */
async function externalFiles(path: string, { graph }: { graph: GraphProto }): Promise<ReadExternal> {
  const folder = dirname(path);
  const names = new Set(
    graph.initializer.flatMap(({ externalData }) =>
      externalData.filter(({ key }) => key === "location").map(({ value }) => value ?? ""),
    ),
  );
  const paths = new Map<string, string>();
  for (const name of names) paths.set(name, await pathInside(folder, name, path));
  return (name, offset, length) => {
    const from = paths.get(name);
    if (from === undefined) throw new OnnxError(`it refers to '${name}', which is not among the files of its weights`);
    return readPart(from, offset, length);
  };
}

function readPart(path: string, offset: number, length: number | undefined): Uint8Array {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    throw new OnnxError(`its weights lie in ${path}, which cannot be read. Copy that file beside the model`, { cause });
  }
  try {
    const size = statSync(path).size;
    const own = length ?? size - offset;
    if (!(offset >= 0 && own >= 0 && offset + own <= size)) {
      throw new OnnxError(`its weights end beyond ${path}, of ${size} bytes. Copy the whole file beside the model`);
    }
    const bytes = new Uint8Array(own);
    readSync(file, bytes, 0, own, offset);
    return bytes;
  } finally {
    closeSync(file);
  }
}
