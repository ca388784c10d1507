import "@tensorflow/tfjs-backend-wasm";

/** Does nothing: in Node, importing the library registers the WASM backend with all its kernels. */
export function registerWasmBackend(): void {}
