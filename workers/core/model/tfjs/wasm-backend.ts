import { registerBackend } from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-wasm/dist/flags_wasm.js";
import "@tensorflow/tfjs-backend-wasm/dist/register_all_kernels.js";
import { BackendWasm } from "@tensorflow/tfjs-backend-wasm/dist/backend_wasm.js";
import createModule from "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js";

/** Registers the WASM backend from a compiled binary. */
export function registerFrom(binary: () => Promise<WebAssembly.Module>): void {
  registerBackend("wasm", async () => new BackendWasm(await instantiate(await binary())));
}

async function instantiate(binary: WebAssembly.Module) {
  const module = await withoutNode(() =>
    createModule({
      instantiateWasm: (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) => {
        const instance = new WebAssembly.Instance(binary, imports);
        done(instance);
        return instance.exports;
      },
    }),
  );
  module.tfjs = {
    init: module.cwrap("init", null, []),
    initWithThreadsCount: module.cwrap("init_with_threads_count", null, ["number"]),
    getThreadsCount: module.cwrap("get_threads_count", "number", []),
    registerTensor: module.cwrap("register_tensor", null, ["number", "number", "number"]),
    disposeData: module.cwrap("dispose_data", null, ["number"]),
    dispose: module.cwrap("dispose", null, []),
  };
  return module;
}

// If there is a global `process`, the emscripten factory assumes Node and requires `__dirname` and `fs`.
function withoutNode<T>(start: () => T): T {
  const hidden = Object.getOwnPropertyDescriptor(globalThis, "process");
  if (!hidden) return start();
  Object.defineProperty(globalThis, "process", { value: undefined, configurable: true, writable: true });
  try {
    return start();
  } finally {
    Object.defineProperty(globalThis, "process", hidden);
  }
}
