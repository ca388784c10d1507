import {
  BatchMatMul,
  getKernel,
  Identity,
  type KernelConfig,
  registerGradient,
  registerKernel,
  Sum,
  unregisterKernel,
} from "@tensorflow/tfjs-core";
import { adamStep } from "./adam-step.ts";
import { columnSums } from "./column-sums.ts";
import { convFilterGradient } from "./conv-filter-gradient.ts";
import { convInputGradient } from "./conv-input-gradient.ts";
import { convLayer, convLayerGradient } from "./conv-layer.ts";
import { crossEntropy, crossEntropyGradient } from "./cross-entropy.ts";
import { denseLayer, denseLayerGradient } from "./dense-layer.ts";
import { depthwiseFilterGradient, depthwiseInputGradient } from "./depthwise.ts";
import { dropout, dropoutGradient } from "./dropout.ts";
import { embeddingBag } from "./embedding-bag.ts";
import { sharedIdentity } from "./identity.ts";
import { fastMatMul } from "./mat-mul.ts";
import { maxPoolGradient } from "./max-pool-gradient.ts";
import { reluGradient } from "./relu-gradient.ts";
import { segmentSum } from "./segment-sum.ts";

/** What the WASM backend lacks, computes wrongly, or computes slowly: gradients, and the sum of an embedding bag. */
const kernels = [
  adamStep,
  convFilterGradient,
  convInputGradient,
  convLayer,
  crossEntropy,
  denseLayer,
  depthwiseFilterGradient,
  depthwiseInputGradient,
  dropout,
  embeddingBag,
  maxPoolGradient,
  reluGradient,
  segmentSum,
];

/** What the WASM backend computes faster in some cases; others are left to its own kernel. */
const faster: Record<string, (own: KernelConfig) => KernelConfig> = {
  [BatchMatMul]: fastMatMul,
  [Identity]: sharedIdentity,
  [Sum]: columnSums,
};

const gradients = [convLayerGradient, crossEntropyGradient, denseLayerGradient, dropoutGradient];

let isRegistered = false;

/** Registers the kernels once, in place of the backend's own. */
export function registerGradientKernels(): void {
  if (isRegistered) return;
  isRegistered = true;
  const replaced = Object.entries(faster).map(([name, over]) => over(getKernel(name, "wasm") as KernelConfig));
  for (const kernel of [...kernels, ...replaced]) {
    if (getKernel(kernel.kernelName, kernel.backendName)) unregisterKernel(kernel.kernelName, kernel.backendName);
    registerKernel(kernel);
  }
  for (const gradient of gradients) registerGradient(gradient);
}
