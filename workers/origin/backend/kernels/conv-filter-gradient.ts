import {
  backend_util,
  Conv2DBackpropFilter,
  type Conv2DBackpropFilterAttrs,
  type KernelConfig,
} from "@tensorflow/tfjs-core";
import { writePatches } from "./patches.ts";
import { type KernelCall, runKernel, valuesOf } from "./wasm.ts";

/** Values of patches in memory at once: about the size of the processor's cache. */
const patchValuesMax = 300_000;

/**
 * The gradient of a convolution with respect to its filter: the transposed patches of the input times dy, computed by the
 * backend's matrix product.
 */
export const convFilterGradient: KernelConfig = {
  kernelName: Conv2DBackpropFilter,
  backendName: "wasm",
  kernelFunc: (call) => {
    const { inputs, backend, attrs } = call as unknown as KernelCall<"x" | "dy">;
    const { strides, pad, filterShape, dimRoundingMode } = attrs as Conv2DBackpropFilterAttrs;
    const { x, dy } = inputs;
    const shape = x.shape as [number, number, number, number];
    const info = backend_util.computeConv2DInfo(shape, filterShape, strides, 1, pad, dimRoundingMode);
    const perImage = info.outHeight * info.outWidth;
    const depth = info.filterHeight * info.filterWidth * info.inChannels;
    const images = Math.max(1, Math.floor(patchValuesMax / (depth * perImage)));
    let sum: Float32Array | null = null;
    for (let first = 0; first < info.batchSize; first += images) {
      const count = Math.min(images, info.batchSize - first);
      const rows = count * perImage;
      const patches = backend.makeOutput([1, depth, rows], "float32");
      const part = backend.makeOutput([1, rows, info.outChannels], "float32");
      writePatches(valuesOf(backend, x), valuesOf(backend, patches), info, first, count);
      const from = first * perImage * info.outChannels;
      valuesOf(backend, part).set(valuesOf(backend, dy).subarray(from, from + rows * info.outChannels));
      const product = runKernel(
        "BatchMatMul",
        backend,
        { a: patches, b: part },
        { transposeA: false, transposeB: false },
      );
      const values = valuesOf(backend, product);
      if (sum === null) sum = values.slice();
      else for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (values[i] as number);
      for (const used of [patches, part, product]) backend.disposeData(used.dataId);
    }
    const out = backend.makeOutput(filterShape, "float32");
    valuesOf(backend, out).set(sum ?? []);
    return out;
  },
};
