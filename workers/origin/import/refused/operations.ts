import * as tf from "@tensorflow/tfjs-core";
import { onCpu } from "../check/backends.ts";
import type { TfjsModelFiles } from "../files.ts";
import { readNodes } from "../graph-nodes.ts";
import { layersIn } from "./layer-places.ts";
import { refusedLayers } from "./layers.ts";
import { refusedNodes } from "./nodes.ts";
import type { Refusal } from "./refusal.ts";

/** Counts the operations of a model: its graph nodes or layers. */
export function operationsOf(files: TfjsModelFiles): Map<string, number> {
  const names = placesOf(files).map(({ operation }) => operation);
  return new Map([...new Set(names)].sort().map((name) => [name, names.filter((one) => one === name).length]));
}

/** Lists the operations that are known not to run at the edge, before the model is loaded. */
export function refusedOperations(files: TfjsModelFiles): Refusal[] {
  return files.kind === "tfjs-graph-model" ? refusedNodes(files) : refusedLayers(files.modelJson.modelTopology);
}

/** Lists the kernels that a model calls on the CPU backend, which has all kernels, and that the WASM backend lacks. */
export async function missingKernels(files: TfjsModelFiles, run: () => void): Promise<Refusal[]> {
  const here = new Set(tf.getKernelsForBackend("wasm").map(({ kernelName }) => kernelName));
  const { kernelNames } = await onCpu(() =>
    tf.profile(() => {
      run();
      return [];
    }),
  );
  // The profile also lists operations, under names that end in `__op`.
  return [...new Set(kernelNames)]
    .filter((kernel) => !here.has(kernel) && !kernel.endsWith("__op"))
    .map((kernel) => ({
      operation: kernel,
      reason: "the WASM backend has no kernel for it",
      advice: "replace it in the model and export it again, or serve the model at the origin",
      where: placesOf(files).flatMap(({ operation, name }) => (operation === kernel ? [name] : [])),
    }));
}

function placesOf(files: TfjsModelFiles): { operation: string; name: string }[] {
  if (files.kind === "tfjs-layers-model") return layersIn(files.modelJson.modelTopology);
  return [...readNodes(files.modelJson).values()].map(({ op, name }) => ({ operation: op, name }));
}
