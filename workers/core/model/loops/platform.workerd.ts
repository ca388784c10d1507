import binary from "./multiply.wasm";

/** Returns the imported module, since workerd does not compile WebAssembly from bytes. */
export function multiplyModule(): WebAssembly.Module {
  return binary;
}
