import {
  backend_util,
  Conv2DBackpropInput,
  type Conv2DBackpropInputAttrs,
  type KernelConfig,
} from "@tensorflow/tfjs-core";
import { convolve } from "./convolve.ts";
import { addressOf, type KernelCall, valuesOf } from "./wasm.ts";

/**
 * The gradient of a convolution with respect to its input, computed as a convolution: dy, dilated by the strides, with the
 * filters rotated and their channels swapped. The backend's own kernel is a plain loop, many times slower.
 */
export const convInputGradient: KernelConfig = {
  kernelName: Conv2DBackpropInput,
  backendName: "wasm",
  kernelFunc: (call) => {
    const { inputs, backend, attrs } = call as unknown as KernelCall<"dy" | "filter">;
    const { strides, pad, inputShape, dimRoundingMode } = attrs as Conv2DBackpropInputAttrs;
    const { dy, filter } = inputs;
    const filterShape = filter.shape as [number, number, number, number];
    const info = backend_util.computeConv2DInfo(inputShape, filterShape, strides, 1, pad, dimRoundingMode);
    const { filterHeight, filterWidth, padInfo } = info;
    const dilated = dilateByStrides(backend, dy, info);
    const rotated = backend.makeOutput([filterHeight, filterWidth, info.outChannels, info.inChannels], "float32");
    rotate(valuesOf(backend, filter), valuesOf(backend, rotated), filterShape);
    const [, height = 0, width = 0] = dilated.shape;
    // Input that the forward pass skipped at the end gets no gradient: the padding covers it.
    const top = filterHeight - 1 - padInfo.top;
    const left = filterWidth - 1 - padInfo.left;
    const bottom = info.inHeight + filterHeight - 1 - height - top;
    const right = info.inWidth + filterWidth - 1 - width - left;
    const padding: backend_util.ExplicitPadding = [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ];
    const [shape, rotatedShape] = [dilated.shape, rotated.shape] as [typeof inputShape, typeof inputShape];
    const backwards = backend_util.computeConv2DInfo(shape, rotatedShape, 1, 1, padding);
    const out = backend.makeOutput(inputShape, "float32");
    const [x, by, to] = [dilated, rotated, out].map((one) => addressOf(backend, one)) as [number, number, number];
    convolve(backend, backwards, { x, filter: by, to });
    backend.disposeData(rotated.dataId);
    if (dilated !== dy) backend.disposeData(dilated.dataId);
    return out;
  },
};

type Info = backend_util.Conv2DInfo;
type Wasm = KernelCall<"dy">["backend"];

function dilateByStrides(backend: Wasm, dy: KernelCall<"dy">["inputs"]["dy"], info: Info) {
  const { strideHeight, strideWidth, outHeight, outWidth, outChannels, batchSize } = info;
  if (strideHeight === 1 && strideWidth === 1) return dy;
  const height = (outHeight - 1) * strideHeight + 1;
  const width = (outWidth - 1) * strideWidth + 1;
  const dilated = backend.makeOutput([batchSize, height, width, outChannels], "float32");
  const [from, to] = [valuesOf(backend, dy), valuesOf(backend, dilated).fill(0)];
  for (let row = 0; row < batchSize * outHeight; row++) {
    const y = Math.floor(row / outHeight) * height + (row % outHeight) * strideHeight;
    for (let x = 0; x < outWidth; x++) {
      const at = (row * outWidth + x) * outChannels;
      to.set(from.subarray(at, at + outChannels), (y * width + x * strideWidth) * outChannels);
    }
  }
  return dilated;
}

function rotate(
  from: Float32Array,
  to: Float32Array,
  [height, width, ins, outs]: [number, number, number, number],
): void {
  const places = height * width;
  for (let place = 0; place < places; place++) {
    for (let i = 0; i < ins; i++) {
      for (let o = 0; o < outs; o++) {
        to[((places - 1 - place) * outs + o) * ins + i] = from[(place * ins + i) * outs + o] as number;
      }
    }
  }
}
