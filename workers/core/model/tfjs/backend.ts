import * as tf from "@tensorflow/tfjs-core";
import { registerWasmBackend } from "#tfjs-wasm";

/** Makes WASM TensorFlow.js's backend, started once. Throws when it does not come up. */
export async function startBackend(): Promise<void> {
  if (tf.getBackend() === "wasm") return;
  // Errors for kernels registered twice are only warnings, but they are noise.
  if (!tf.findBackendFactory("wasm")) registerWasmBackend();
  // setBackend answers false, instead of throwing, when a backend can't start.
  if (!(await tf.setBackend("wasm")) || tf.getBackend() !== "wasm") {
    throw new Error(
      "Error in startBackend: TensorFlow.js could not start its WASM backend; is WebAssembly SIMD there?",
    );
  }
}
