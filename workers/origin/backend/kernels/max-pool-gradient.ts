import { backend_util, type KernelConfig, MaxPoolGrad, type MaxPoolGradAttrs } from "@tensorflow/tfjs-core";
import { type KernelCall, valuesOf } from "./wasm.ts";

/**
 * The gradient of max pooling: each window's gradient goes to the first position of its maximum. The backend's own kernel
 * is wrong for windows in which every value is negative.
 */
export const maxPoolGradient: KernelConfig = {
  kernelName: MaxPoolGrad,
  backendName: "wasm",
  kernelFunc: (call) => {
    const { inputs, backend, attrs } = call as unknown as KernelCall<"dy" | "input" | "output">;
    const { filterSize, strides, pad, dimRoundingMode } = attrs as MaxPoolGradAttrs;
    const shape = inputs.input.shape as [number, number, number, number];
    const info = backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
    const out = backend.makeOutput(shape, "float32");
    const [dy, x, dx] = [inputs.dy, inputs.input, out].map((tensor) => valuesOf(backend, tensor)) as [
      ...[Float32Array, Float32Array, Float32Array],
    ];
    dx.fill(0);
    const { inHeight, inWidth, outHeight, outWidth, inChannels: channels, batchSize } = info;
    let from = 0;
    for (let image = 0; image < batchSize; image++) {
      for (let oy = 0; oy < outHeight; oy++) {
        const top = oy * info.strideHeight - info.padInfo.top;
        const [yStart, yEnd] = [Math.max(0, top), Math.min(inHeight, top + info.filterHeight)];
        for (let ox = 0; ox < outWidth; ox++) {
          const left = ox * info.strideWidth - info.padInfo.left;
          const [xStart, xEnd] = [Math.max(0, left), Math.min(inWidth, left + info.filterWidth)];
          for (let c = 0; c < channels; c++) {
            let best = -1;
            for (let y = yStart; y < yEnd; y++) {
              for (let column = xStart; column < xEnd; column++) {
                const at = ((image * inHeight + y) * inWidth + column) * channels + c;
                if (best < 0 || (x[at] as number) > (x[best] as number)) best = at;
              }
            }
            dx[best] = (dx[best] as number) + (dy[from++] as number);
          }
        }
      }
    }
    return out;
  },
};
