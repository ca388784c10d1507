import "@tensorflow/tfjs-backend-wasm";

/** In Node the library registers the WASM backend, with all its kernels, by itself when it is imported. */
export function registerWasmBackend(): void {}
