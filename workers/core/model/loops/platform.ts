import { fromBase64 } from "#core/bytes.ts";
import { multiplyWasm } from "./multiply-wasm.ts";

// The types of workerd say that it compiles no bytes.
const Module = WebAssembly.Module as unknown as new (bytes: BufferSource) => WebAssembly.Module;

/** Compiles the module from its bytes. */
export function multiplyModule(): WebAssembly.Module {
  return new Module(fromBase64(multiplyWasm));
}
