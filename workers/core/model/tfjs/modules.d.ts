// The modules of tfjs-backend-wasm that have no types.
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
declare module "*.wasm?url" {
  const url: string;
  export default url;
}
declare module "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js" {
  type Cwrap = (name: string, result: null | string, parameters: null | string[]) => unknown;
  // biome-ignore lint/suspicious/noExplicitAny: the emscripten module, opaque to us, as BackendWasm takes it
  export default function create(options: object): Promise<any & { cwrap: Cwrap }>;
}
// Only browsers have it, so the types of workerd lack it.
declare namespace WebAssembly {
  function compileStreaming(source: Promise<Response>): Promise<WebAssembly.Module>;
}
