import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm/dist/backend_wasm.js";
import { assemble } from "./assemble.ts";
import { productRoutines } from "./products.ts";
import { updateRoutines } from "./updates.ts";

const routines = { ...productRoutines, ...updateRoutines };

/** Routines by name; their arguments are addresses in the backend's memory, and numbers. */
export type Routines = Record<keyof typeof routines, (...args: number[]) => void>;

/** The emscripten module of the backend. */
interface Module {
  asm: { memory: WebAssembly.Memory };
  _malloc(bytes: number): number;
  _free(address: number): void;
}

const instances = new WeakMap<Module, Routines>();

/** Returns the routines, which act on the backend's own memory. They are assembled once for each backend. */
export function routinesOf(backend: BackendWasm): Routines {
  const module = moduleOf(backend);
  const known = instances.get(module);
  if (known) return known;
  const own = routinesOn(module.asm.memory);
  instances.set(module, own);
  return own;
}

let assembled: WebAssembly.Module | undefined;

/** Returns the routines, acting on any memory. */
export function routinesOn(memory: WebAssembly.Memory): Routines {
  assembled ??= new WebAssembly.Module(assemble(routines));
  return new WebAssembly.Instance(assembled, { env: { memory } }).exports as unknown as Routines;
}

/** Lends `use` memory for so many floats, aligned to 16 bytes. */
export function withScratch<T>(backend: BackendWasm, floats: number, use: (address: number) => T): T {
  const module = moduleOf(backend);
  const address = module._malloc(floats * 4 + 16) >>> 0;
  if (address === 0) {
    throw new Error(
      `The WASM backend has no memory for ${floats} numbers, beside ${module.asm.memory.buffer.byteLength} bytes in use. ` +
        "Set a smaller batchSize, or smaller layers, in the recipe.",
    );
  }
  try {
    return use(((address + 15) & ~15) >>> 0);
  } finally {
    module._free(address);
  }
}

/** Returns a view of the backend's memory as floats; it is invalid after the next allocation. */
export function floatsOf(backend: BackendWasm): Float32Array {
  return new Float32Array(moduleOf(backend).asm.memory.buffer);
}

function moduleOf(backend: BackendWasm): Module {
  return backend.wasm as unknown as Module;
}
