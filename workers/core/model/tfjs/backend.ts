import * as tf from "@tensorflow/tfjs-core";
import { registerWasmBackend } from "#tfjs-wasm";

/** Makes WASM TensorFlow.js's backend, started once. Throws when it does not come up. */
export async function startBackend(): Promise<void> {
  // Whoever comes while it starts finds the name set before the backend is there.
  if (tf.getBackend() === "wasm") return tf.ready();
  // Errors for kernels registered twice are only warnings, but they are noise.
  if (!tf.findBackendFactory("wasm")) registerWasmBackend();
  // setBackend answers false, instead of throwing, when a backend can't start.
  if (!(await tf.setBackend("wasm")) || tf.getBackend() !== "wasm") {
    throw new Error(
      "Error in startBackend: TensorFlow.js could not start its WASM backend; is WebAssembly SIMD there?",
    );
  }
}
