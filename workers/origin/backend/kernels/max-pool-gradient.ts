import { backend_util, type KernelConfig, MaxPoolGrad, type MaxPoolGradAttrs } from "@tensorflow/tfjs-core";
import { routinesOf } from "../simd/heap.ts";
import { addressOf, type KernelCall, valuesOf } from "./wasm.ts";

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
    const { inWidth, inChannels: channels } = info;
    const out = backend.makeOutput(shape, "float32");
    const [dy, x, y, dx] = [inputs.dy, inputs.input, inputs.output, out].map((one) => valuesOf(backend, one)) as Views;
    dx.fill(0);
    const { poolGradient } = routinesOf(backend);
    const [slopes, from, maxima] = [inputs.dy, inputs.input, inputs.output].map((one) => addressOf(backend, one)) as [
      ...[number, number, number],
    ];
    const offset = addressOf(backend, out) - from;
    const whole = channels & ~3;
    eachWindow(info, (at, rows, columns, window) => {
      const [input, output] = [at * channels, window * channels];
      if (whole > 0) {
        const place = from + input * 4;
        const [rowBytes, columnBytes] = [inWidth * channels * 4, channels * 4];
        const [most, slope] = [maxima + output * 4, slopes + output * 4];
        poolGradient(place, most, slope, offset, rows, rowBytes, columns, columnBytes, whole);
      }
      for (let c = whole; c < channels; c++) {
        const best = firstOf(y[output + c] as number, x, { at: input + c, rows, columns, inWidth, channels });
        if (best >= 0) dx[best] = (dx[best] as number) + (dy[output + c] as number);
      }
    });
    return out;
  },
};

type Views = [Float32Array, Float32Array, Float32Array, Float32Array];

/** Visits every window: its first position in the input, its rows and columns inside the input, and its own number. */
function eachWindow(
  info: backend_util.Conv2DInfo,
  visit: (at: number, rows: number, columns: number, window: number) => void,
): void {
  const { batchSize, inHeight, inWidth, outHeight, outWidth, padInfo } = info;
  let window = 0;
  for (let image = 0; image < batchSize; image++) {
    for (let oy = 0; oy < outHeight; oy++) {
      const top = oy * info.strideHeight - padInfo.top;
      const [y, yEnd] = [Math.max(0, top), Math.min(inHeight, top + info.filterHeight)];
      for (let ox = 0; ox < outWidth; ox++) {
        const left = ox * info.strideWidth - padInfo.left;
        const [x, xEnd] = [Math.max(0, left), Math.min(inWidth, left + info.filterWidth)];
        visit((image * inHeight + y) * inWidth + x, yEnd - y, xEnd - x, window++);
      }
    }
  }
}

/** Finds the first position of a window's maximum; −1 where there is none, since a value is not a number. */
function firstOf(
  most: number,
  x: Float32Array,
  { at, rows, columns, inWidth, channels }: Record<"at" | "rows" | "columns" | "inWidth" | "channels", number>,
): number {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const place = at + (row * inWidth + column) * channels;
      if (x[place] === most) return place;
    }
  }
  return -1;
}
