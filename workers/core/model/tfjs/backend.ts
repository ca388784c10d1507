import * as tf from "@tensorflow/tfjs-core";
import { registerWasmBackend } from "#tfjs-wasm";
import { correctSamePadding } from "./same-padding.ts";

let isCorrected = false;

/** Starts the WASM backend of TensorFlow.js once. Throws if it cannot start. */
export async function startBackend(): Promise<void> {
  // While the backend starts, its name is already set.
  if (tf.getBackend() === "wasm") return tf.ready();
  // Registering kernels twice would log warnings.
  if (!tf.findBackendFactory("wasm")) registerWasmBackend();
  if (!isCorrected) correctSamePadding();
  isCorrected = true;
  // setBackend returns false instead of throwing if a backend cannot start.
  if (!(await tf.setBackend("wasm")) || tf.getBackend() !== "wasm") {
    throw new Error("The WASM backend of TensorFlow.js did not start. It requires WebAssembly SIMD.");
  }
}
