import * as tf from "@tensorflow/tfjs-core";
import { startBackend } from "#core/model/tfjs/backend.ts";

/** Runs work on TensorFlow.js's CPU backend, which has every kernel and is the reference of all others; then the edge's runs again. */
export async function onCpu<T>(work: () => T | Promise<T>): Promise<T> {
  await import("@tensorflow/tfjs-backend-cpu");
  await tf.setBackend("cpu");
  // It would recommend the native library, which has other rounding and does not run at the edge.
  (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
  try {
    return await work();
  } finally {
    await tf.setBackend("wasm");
  }
}

/** Whether WebAssembly trapped: its memory is unreliable afterwards. */
export function isTrap(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof WebAssembly.RuntimeError) return true;
  }
  return false;
}

/** Replaces the WASM backend by a new one after a trap. Models that were loaded before are lost. */
export async function restartBackend(): Promise<void> {
  const factory = tf.findBackendFactory("wasm");
  // Disposing of it would call into the memory that trapped.
  tf.findBackend("wasm").dispose = () => {};
  tf.removeBackend("wasm");
  tf.registerBackend("wasm", factory);
  await tf.setBackend("wasm");
  await startBackend();
}
