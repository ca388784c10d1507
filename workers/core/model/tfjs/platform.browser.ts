import url from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url";
import { registerFrom } from "./wasm-backend.ts";

/** Registers the WASM backend from an asset that the bundler emits (Vite's `?url`) and the page fetches. */
export function registerWasmBackend(): void {
  registerFrom(() => WebAssembly.compileStreaming(fetch(url)));
}
