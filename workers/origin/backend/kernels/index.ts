import { BatchMatMul, getKernel, type KernelConfig, registerKernel, unregisterKernel } from "@tensorflow/tfjs-core";
import { convFilterGradient } from "./conv-filter-gradient.ts";
import { convInputGradient } from "./conv-input-gradient.ts";
import { depthwiseFilterGradient, depthwiseInputGradient } from "./depthwise.ts";
import { embeddingBag } from "./embedding-bag.ts";
import { transposingMatMul } from "./mat-mul.ts";
import { maxPoolGradient } from "./max-pool-gradient.ts";
import { segmentSum } from "./segment-sum.ts";

/** What the WASM backend lacks, computes wrongly, or computes slowly: gradients, and the sum of an embedding bag. */
const kernels = [
  convFilterGradient,
  convInputGradient,
  depthwiseFilterGradient,
  depthwiseInputGradient,
  embeddingBag,
  maxPoolGradient,
  segmentSum,
];

let isRegistered = false;

/** Registers the gradient kernels once, in place of the backend's own. */
export function registerGradientKernels(): void {
  if (isRegistered) return;
  isRegistered = true;
  const ownMatMul = getKernel(BatchMatMul, "wasm") as KernelConfig;
  for (const kernel of [...kernels, transposingMatMul(ownMatMul)]) {
    if (getKernel(kernel.kernelName, kernel.backendName)) unregisterKernel(kernel.kernelName, kernel.backendName);
    registerKernel(kernel);
  }
}
