import { Identity, type KernelConfig } from "@tensorflow/tfjs-core";
import type { KernelCall } from "./wasm.ts";

/**
 * A copy that shares its values, as in the library's other backends: no kernel changes values of a tensor that others
 * share. The backend's own kernel copies them, for every tensor that a gradient needs.
 */
export function sharedIdentity(own: KernelConfig): KernelConfig {
  return {
    ...own,
    kernelName: Identity,
    kernelFunc: (call) => {
      const { inputs, backend } = call as unknown as KernelCall<"x">;
      const { x } = inputs;
      if (x.dtype === "string") return own.kernelFunc(call);
      backend.incRef(x.dataId);
      return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
    },
  };
}
