import { getKernel, registerKernel, unregisterKernel } from "@tensorflow/tfjs-core";
import { convFilterGradient } from "./conv-filter-gradient.ts";
import { convInputGradient } from "./conv-input-gradient.ts";
import { depthwiseFilterGradient, depthwiseInputGradient } from "./depthwise.ts";
import { maxPoolGradient } from "./max-pool-gradient.ts";
import { segmentSum } from "./segment-sum.ts";

/** Gradients that the WASM backend lacks, has wrong, or is slow at. */
const kernels = [
  convFilterGradient,
  convInputGradient,
  depthwiseFilterGradient,
  depthwiseInputGradient,
  maxPoolGradient,
  segmentSum,
];

/** Registers them in place of what there is. */
export function registerGradientKernels(): void {
  for (const kernel of kernels) {
    if (getKernel(kernel.kernelName, kernel.backendName)) unregisterKernel(kernel.kernelName, kernel.backendName);
    registerKernel(kernel);
  }
}
