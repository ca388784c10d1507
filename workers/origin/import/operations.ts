import { loadGraphModelSync } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import { weightsOf } from "#core/model/tfjs/model-json.ts";
import type { TfjsModelFiles } from "./files.ts";
import { readNodes } from "./graph-nodes.ts";

/** An operation that the edge cannot run, with the reason and the nodes or layers that use it. */
export interface Unsupported {
  operation: string;
  reason: string;
  where: string[];
}

/** Counts the operations of a model: its graph nodes or layers. */
export function operationsOf(files: TfjsModelFiles): Map<string, number> {
  const names = placesOf(files).map(({ operation }) => operation);
  return new Map([...new Set(names)].sort().map((name) => [name, names.filter((one) => one === name).length]));
}

/** Lists the operations that TensorFlow.js does not know, or that need control flow at run time. */
export function unknownOperations(files: TfjsModelFiles): Unsupported[] {
  return files.kind === "tfjs-graph-model" ? unknownNodes(files) : unknownLayers(files);
}

/** Lists the kernels that a model calls on the CPU backend, which has all kernels, and that the WASM backend lacks. */
export async function missingKernels(files: TfjsModelFiles, run: () => Promise<void>): Promise<Unsupported[]> {
  const here = new Set(tf.getKernelsForBackend("wasm").map(({ kernelName }) => kernelName));
  const before = tf.getBackend();
  await import("@tensorflow/tfjs-backend-cpu");
  await tf.setBackend("cpu");
  try {
    const { kernelNames } = await tf.profile(async () => {
      await run();
      return [];
    });
    // The profile also lists operations, under names that end in `__op`.
    return [...new Set(kernelNames)]
      .filter((kernel) => !here.has(kernel) && !kernel.endsWith("__op"))
      .map((kernel) => ({
        operation: kernel,
        reason: "the WASM backend has no kernel for it",
        where: whereIs(files, kernel),
      }));
  } finally {
    await tf.setBackend(before);
  }
}

interface Place {
  operation: string;
  name: string;
}

function placesOf(files: TfjsModelFiles): Place[] {
  if (files.kind === "tfjs-layers-model") return layersOf(files.modelJson.modelTopology);
  return [...readNodes(files.modelJson).values()].map(({ op, name }) => ({ operation: op, name }));
}

function whereIs(files: TfjsModelFiles, operation: string): string[] {
  return placesOf(files).flatMap((place) => (place.operation === operation ? [place.name] : []));
}

// tfjs-converter assigns a category to each node that it knows; its types do not show it.
interface GraphInside {
  executor: { graph: { nodes: Record<string, { op: string; category?: string }> } };
}

const atRunTime = new Set(["control", "dynamic"]);

function unknownNodes({ modelJson, values }: TfjsModelFiles): Unsupported[] {
  const weightSpecs = weightsOf(modelJson) as tf.io.WeightsManifestEntry[];
  const { modelTopology } = modelJson;
  const model = loadGraphModelSync(tf.io.fromMemorySync({ modelTopology, weightSpecs, weightData: values }));
  const { nodes } = (model as unknown as GraphInside).executor.graph;
  model.dispose();
  const found = new Map<string, Unsupported>();
  for (const [name, { op, category }] of Object.entries(nodes)) {
    if (category && !atRunTime.has(category)) continue;
    const reason = category
      ? "its output shape is known only at run time"
      : "TensorFlow.js does not support it in graph models";
    const known = found.get(op) ?? { operation: op, reason, where: [] };
    known.where.push(name);
    found.set(op, known);
  }
  return [...found.values()];
}

function unknownLayers({ modelJson }: TfjsModelFiles): Unsupported[] {
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  const places = layersOf(modelJson.modelTopology).filter(({ operation }) => !Object.hasOwn(classNameMap, operation));
  return [...new Set(places.map(({ operation }) => operation))].map((operation) => ({
    operation,
    reason: "TensorFlow.js does not support it in layers models",
    where: places.filter((place) => place.operation === operation).map(({ name }) => name),
  }));
}

// Layers may contain models or wrap other layers.
function layersOf(value: unknown): Place[] {
  if (Array.isArray(value)) return value.flatMap(layersOf);
  if (typeof value !== "object" || value === null) return [];
  const { class_name, config, model_config, name } = value as Record<string, unknown>;
  if (model_config) return layersOf(model_config);
  if (typeof class_name !== "string" || typeof config !== "object" || config === null) return [];
  const { layers, layer, name: own } = config as Record<string, unknown>;
  const inner = [...(Array.isArray(config) ? config.flatMap(layersOf) : []), ...layersOf(layers), ...layersOf(layer)];
  const isModel = inner.length > 0 && layer === undefined;
  return isModel ? inner : [{ operation: class_name, name: String(own ?? name ?? class_name) }, ...inner];
}
