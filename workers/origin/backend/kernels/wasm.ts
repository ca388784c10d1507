import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm/dist/backend_wasm.js";
import { getKernel, type NamedAttrMap, type TensorInfo } from "@tensorflow/tfjs-core";

/** What a kernel is called with. */
export interface KernelCall<Inputs extends string> {
  inputs: Record<Inputs, TensorInfo>;
  backend: BackendWasm;
  attrs: object;
}

/** A tensor's values where they lie, in the WASM heap: void after the next allocation. */
export function valuesOf(backend: BackendWasm, tensor: TensorInfo): Float32Array {
  return backend.typedArrayFromHeap(tensor) as Float32Array;
}

/** Runs one of the backend's own kernels. */
export function runKernel(
  name: string,
  backend: BackendWasm,
  inputs: Record<string, TensorInfo>,
  attrs: NamedAttrMap = {},
): TensorInfo {
  const kernel = getKernel(name, "wasm");
  if (!kernel) throw new Error(`Error in runKernel: the WASM backend has no kernel '${name}'; is its package whole?`);
  return kernel.kernelFunc({ inputs, backend, attrs }) as TensorInfo;
}
