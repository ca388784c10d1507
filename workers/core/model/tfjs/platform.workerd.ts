import binary from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm";
import { registerFrom } from "./wasm-backend.ts";

/** Registers the WASM backend from an imported module, since workerd does not compile WebAssembly from bytes. */
export function registerWasmBackend(): void {
  registerFrom(async () => binary);
}
