import { type KernelConfig, UnsortedSegmentSum, type UnsortedSegmentSumAttrs } from "@tensorflow/tfjs-core";
import { type KernelCall, valuesOf } from "./wasm.ts";

/** Sums rows by their segment: the gradient of a look-up. Rows with a negative segment are skipped. */
export const segmentSum: KernelConfig = {
  kernelName: UnsortedSegmentSum,
  backendName: "wasm",
  kernelFunc: (call) => {
    const { inputs, backend, attrs } = call as unknown as KernelCall<"x" | "segmentIds">;
    const { numSegments } = attrs as UnsortedSegmentSumAttrs;
    const { x, segmentIds } = inputs;
    const rest = x.shape.slice(segmentIds.shape.length);
    const width = rest.reduce((product, dimension) => product * dimension, 1);
    const out = backend.makeOutput([numSegments, ...rest], "float32");
    const [values, sums] = [valuesOf(backend, x), valuesOf(backend, out).fill(0)];
    const ids = backend.typedArrayFromHeap(segmentIds) as Int32Array;
    for (const [row, segment] of ids.entries()) {
      if (segment < 0 || segment >= numSegments) continue;
      for (let i = 0; i < width; i++) {
        sums[segment * width + i] = (sums[segment * width + i] as number) + (values[row * width + i] as number);
      }
    }
    return out;
  },
};
