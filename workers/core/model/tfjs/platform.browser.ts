import url from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url";
import { registerFrom } from "./wasm-backend.ts";

/** In a browser the binary is an asset that the bundler (Vite's `?url`) places and the page fetches. */
export function registerWasmBackend(): void {
  registerFrom(() => WebAssembly.compileStreaming(fetch(url)));
}
