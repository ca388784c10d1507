import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm/dist/backend_wasm.js";
import { getKernel, type NamedAttrMap, type TensorInfo } from "@tensorflow/tfjs-core";

/** The arguments of a kernel. */
export interface KernelCall<Inputs extends string> {
  inputs: Record<Inputs, TensorInfo>;
  backend: BackendWasm;
  attrs: object;
}

/** Returns a view of a tensor's values in the WASM heap; it is invalid after the next allocation. */
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
  if (!kernel)
    throw new Error(`The WASM backend has no kernel '${name}'. Reinstall the dependencies with 'npm install'.`);
  return kernel.kernelFunc({ inputs, backend, attrs }) as TensorInfo;
}

/** Returns where a tensor's values are in the WASM heap. */
export function addressOf(backend: BackendWasm, { dataId }: TensorInfo): number {
  return backend.getMemoryOffset(dataId);
}

/** Counts the values of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}
