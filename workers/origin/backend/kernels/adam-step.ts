import type { KernelConfig } from "@tensorflow/tfjs-core";
import { routinesOf } from "../simd/heap.ts";
import { addressOf, type KernelCall, sizeOf, valuesOf } from "./wasm.ts";

/** The name of the kernel that takes a step of AdamW. */
export const adamStepKernel = "AdamStep";

/** The constants of a step of AdamW. */
export interface AdamStep {
  /** What is left of each value after weight decay. */
  kept: number;
  /** The learning rate, and the factor on v, each with the correction of its mean's start from zero. */
  rate: number;
  second: number;
  beta1: number;
  beta2: number;
  epsilon: number;
}

/**
 * Takes a step of AdamW in one pass: value = kept · value − rate · m / (√(second · v) + epsilon). It changes the means `m` and
 * `v` in place, which must be the optimiser's alone. The value may be shared: the stepped value is a tensor of its own.
 */
export const adamStep: KernelConfig = {
  kernelName: adamStepKernel,
  backendName: "wasm",
  kernelFunc: (call) => {
    const { inputs, backend, attrs } = call as unknown as KernelCall<"value" | "gradient" | "m" | "v">;
    const { value, gradient, m, v } = inputs;
    const { kept, rate, second, beta1, beta2, epsilon } = attrs as AdamStep;
    const size = sizeOf(value.shape);
    const whole = size & ~3;
    const out = backend.makeOutput(value.shape, "float32");
    const all = [out, gradient, m, v] as const;
    valuesOf(backend, out).set(valuesOf(backend, value));
    const [to, slope, mean, square] = all.map((one) => addressOf(backend, one)) as [number, number, number, number];
    routinesOf(backend).adam(to, slope, mean, square, whole, kept, rate, second, beta1, beta2, epsilon);
    const [values, slopes, means, squares] = all.map((one) => valuesOf(backend, one)) as [
      ...[Float32Array, Float32Array, Float32Array, Float32Array],
    ];
    for (let i = whole; i < size; i++) {
      const own = slopes[i] as number;
      means[i] = beta1 * (means[i] as number) + (1 - beta1) * own;
      squares[i] = beta2 * (squares[i] as number) + (1 - beta2) * own * own;
      const moved = (rate * (means[i] as number)) / (Math.sqrt(second * (squares[i] as number)) + epsilon);
      values[i] = kept * (values[i] as number) - moved;
    }
    return out;
  },
};
