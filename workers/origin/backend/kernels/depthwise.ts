import {
  backend_util,
  DepthwiseConv2dNativeBackpropFilter,
  type DepthwiseConv2dNativeBackpropFilterAttrs,
  DepthwiseConv2dNativeBackpropInput,
  type DepthwiseConv2dNativeBackpropInputAttrs,
  type KernelConfig,
} from "@tensorflow/tfjs-core";
import { type KernelCall, valuesOf } from "./wasm.ts";

type Shape = [number, number, number, number];
type Info = backend_util.Conv2DInfo;

/** The gradient of a depthwise convolution with respect to its filter. */
export const depthwiseFilterGradient: KernelConfig = {
  kernelName: DepthwiseConv2dNativeBackpropFilter,
  backendName: "wasm",
  kernelFunc: (call) => {
    const { inputs, backend, attrs } = call as unknown as KernelCall<"x" | "dy">;
    const { strides, dilations, pad, filterShape, dimRoundingMode } = attrs as DepthwiseConv2dNativeBackpropFilterAttrs;
    const info = infoOf(inputs.x.shape as Shape, filterShape, strides, dilations, pad, dimRoundingMode);
    const out = backend.makeOutput(filterShape, "float32");
    const [x, dy, dw] = [inputs.x, inputs.dy, out].map((tensor) => valuesOf(backend, tensor)) as Values;
    dw.fill(0);
    eachProduct(info, (input, weight, output) => {
      dw[weight] = (dw[weight] as number) + (x[input] as number) * (dy[output] as number);
    });
    return out;
  },
};

/** The gradient of a depthwise convolution with respect to its input. */
export const depthwiseInputGradient: KernelConfig = {
  kernelName: DepthwiseConv2dNativeBackpropInput,
  backendName: "wasm",
  kernelFunc: (call) => {
    const { inputs, backend, attrs } = call as unknown as KernelCall<"dy" | "filter">;
    const { strides, dilations, pad, inputShape, dimRoundingMode } = attrs as DepthwiseConv2dNativeBackpropInputAttrs;
    const info = infoOf(inputShape, inputs.filter.shape as Shape, strides, dilations, pad, dimRoundingMode);
    const out = backend.makeOutput(inputShape, "float32");
    const [filter, dy, dx] = [inputs.filter, inputs.dy, out].map((tensor) => valuesOf(backend, tensor)) as Values;
    dx.fill(0);
    eachProduct(info, (input, weight, output) => {
      dx[input] = (dx[input] as number) + (filter[weight] as number) * (dy[output] as number);
    });
    return out;
  },
};

type Values = [Float32Array, Float32Array, Float32Array];

function infoOf(
  inputShape: Shape,
  filterShape: Shape,
  strides: [number, number] | number,
  dilations: [number, number] | number,
  pad: Parameters<typeof backend_util.computeConv2DInfo>[4],
  rounding: Parameters<typeof backend_util.computeConv2DInfo>[5],
): Info {
  return backend_util.computeConv2DInfo(inputShape, filterShape, strides, dilations, pad, rounding, true);
}

/** Visits every product that the convolution adds up, with its positions in input, filter and output. */
function eachProduct(info: Info, visit: (input: number, weight: number, output: number) => void): void {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, padInfo } = info;
  const multiplier = outChannels / inChannels;
  for (let image = 0; image < batchSize; image++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let i = 0; i < info.filterHeight; i++) {
        const y = oy * info.strideHeight + i * info.dilationHeight - padInfo.top;
        if (y < 0 || y >= inHeight) continue;
        for (let ox = 0; ox < outWidth; ox++) {
          for (let j = 0; j < info.filterWidth; j++) {
            const x = ox * info.strideWidth + j * info.dilationWidth - padInfo.left;
            if (x < 0 || x >= inWidth) continue;
            const input = ((image * inHeight + y) * inWidth + x) * inChannels;
            const weight = (i * info.filterWidth + j) * outChannels;
            const output = ((image * outHeight + oy) * outWidth + ox) * outChannels;
            for (let to = 0; to < outChannels; to++) {
              visit(input + Math.floor(to / multiplier), weight + to, output + to);
            }
          }
        }
      }
    }
  }
}
