import { BatchMatMul, type BatchMatMulAttrs, type KernelConfig } from "@tensorflow/tfjs-core";
import { type KernelCall, runKernel } from "./wasm.ts";

/**
 * A matrix product that transposes its operands first, for the gradients of dense layers. The backend's own product of
 * transposed matrices is a plain loop, ten times slower than both steps together.
 */
export function transposingMatMul(own: KernelConfig): KernelConfig {
  return {
    ...own,
    kernelName: BatchMatMul,
    kernelFunc: (call) => {
      const { inputs, backend, attrs } = call as unknown as KernelCall<"a" | "b">;
      const { transposeA, transposeB } = attrs as BatchMatMulAttrs;
      const { a, b } = inputs;
      // Batches of products are left to the backend's own kernel.
      if ((!transposeA && !transposeB) || a.shape.length !== 2 || b.shape.length !== 2) return own.kernelFunc(call);
      const left = transposeA ? runKernel("Transpose", backend, { x: a }, { perm: [1, 0] }) : a;
      const right = transposeB ? runKernel("Transpose", backend, { x: b }, { perm: [1, 0] }) : b;
      const plain = { transposeA: false, transposeB: false };
      const product = own.kernelFunc({ inputs: { a: left, b: right }, backend, attrs: plain });
      if (transposeA) backend.disposeData(left.dataId);
      if (transposeB) backend.disposeData(right.dataId);
      return product;
    },
  };
}
