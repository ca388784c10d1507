import binary from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm";
import { registerFrom } from "./wasm-backend.ts";

/** In workerd the binary is an imported module: nothing may be compiled from bytes there. */
export function registerWasmBackend(): void {
  registerFrom(async () => binary);
}
