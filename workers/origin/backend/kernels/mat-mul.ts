import { BatchMatMul, type BatchMatMulAttrs, type KernelConfig } from "@tensorflow/tfjs-core";
import { multiply } from "../simd/multiply.ts";
import { addressOf, type KernelCall } from "./wasm.ts";

/**
 * Matrix products. The backend's own product of transposed matrices is a plain loop, and it packs the second factor slowly,
 * which takes long where the first one has few rows, as in a batch.
 */
export function fastMatMul(own: KernelConfig): KernelConfig {
  return {
    ...own,
    kernelName: BatchMatMul,
    kernelFunc: (call) => {
      const { inputs, backend, attrs } = call as unknown as KernelCall<"a" | "b">;
      const { transposeA, transposeB } = attrs as BatchMatMulAttrs;
      const { a, b } = inputs;
      const [batches, others] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
      // Factors of which one is used for several others are left to the backend's own kernel, and so are its errors.
      const isPlain = a.dtype === "float32" && b.dtype === "float32" && String(batches) === String(others);
      const [m = 0, k = 0] = transposed(a.shape.slice(-2), transposeA);
      const [inner, n = 0] = transposed(b.shape.slice(-2), transposeB);
      if (!isPlain || k !== inner) return own.kernelFunc(call);
      const out = backend.makeOutput([...batches, m, n], "float32");
      const count = batches.reduce((product, size) => product * size, 1);
      const [from, by, to] = [addressOf(backend, a), addressOf(backend, b), addressOf(backend, out)];
      for (let i = 0; i < count; i++) {
        const left = { address: from + i * m * k * 4, rows: m, columns: k, isTransposed: transposeA };
        const right = { address: by + i * k * n * 4, rows: k, columns: n, isTransposed: transposeB };
        multiply(backend, left, right, to + i * m * n * 4);
      }
      return out;
    },
  };
}

function transposed([rows = 0, columns = 0]: number[], isTransposed: boolean): [number, number] {
  return isTransposed ? [columns, rows] : [rows, columns];
}
