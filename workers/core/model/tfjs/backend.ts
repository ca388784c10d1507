import * as tf from "@tensorflow/tfjs-core";
import { registerWasmBackend } from "#tfjs-wasm";

let started = false;

/** Starts TensorFlow.js on WASM, once. Throws when the backend does not come up. */
export async function startBackend(): Promise<void> {
  if (started) return;
  // Errors for kernels registered twice are only warnings, but they are noise.
  if (!tf.findBackendFactory("wasm")) registerWasmBackend();
  // setBackend answers false, instead of throwing, when a backend can't start.
  if (!(await tf.setBackend("wasm")) || tf.getBackend() !== "wasm") {
    throw new Error(
      "Error in startBackend: TensorFlow.js could not start its WASM backend; is WebAssembly SIMD there?",
    );
  }
  started = true;
}
