import {
  backend_util,
  Conv2DBackpropFilter,
  type Conv2DBackpropFilterAttrs,
  type KernelConfig,
} from "@tensorflow/tfjs-core";
import { floatsOf, routinesOf, withScratch } from "../simd/heap.ts";
import { multiplyPacked, packSteps, roundUp, tileFloats } from "../simd/multiply.ts";
import { tile } from "../simd/products.ts";
import { copyPadded, paddedSize } from "./images.ts";
import { addressOf, type KernelCall } from "./wasm.ts";

/** Values that a row of the filter covers at the positions that are packed at once: they stay in the processor's cache. */
const coveredMax = 131_072;

/**
 * The gradient of a convolution with respect to its filter. For each image and each row of the filter it is a product: what
 * the filter's row covers at each position, transposed, times dy. Positions overlap in the padded image, so that nothing is
 * copied but into packed factors.
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
    const { batchSize, inChannels, outChannels, outHeight, outWidth, strideHeight, strideWidth } = info;
    const out = backend.makeOutput(filterShape, "float32");
    const covered = info.filterWidth * inChannels;
    const paddedRow = (info.inWidth + info.padInfo.left + info.padInfo.right) * inChannels;
    const rowsAtOnce = Math.max(1, Math.min(outHeight, Math.floor(coveredMax / (covered * outWidth))));
    const most = rowsAtOnce * outWidth;
    const sizes = [
      ...[paddedSize(info), roundUp(covered, tile.rows) * most, roundUp(outChannels, tile.columns) * most],
      tileFloats,
    ].map((size) => roundUp(size, 4));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    withScratch(backend, total, (scratch) => {
      const routines = routinesOf(backend);
      const floats = floatsOf(backend);
      const [image, left, right, tileAt] = sizes.map((_, i) => {
        return scratch + sizes.slice(0, i).reduce((sum, size) => sum + size, 0) * 4;
      }) as [number, number, number, number];
      const [from, slopes, to] = [x, dy, out].map((one) => addressOf(backend, one)) as [number, number, number];
      floats.fill(0, image / 4, image / 4 + paddedSize(info));
      floats.fill(0, to / 4, to / 4 + info.filterHeight * covered * outChannels);
      for (let i = 0; i < batchSize; i++) {
        copyPadded(floats, info, from / 4 + i * info.inHeight * info.inWidth * inChannels, image / 4);
        for (let first = 0; first < outHeight; first += rowsAtOnce) {
          const rows = Math.min(rowsAtOnce, outHeight - first);
          const count = rows * outWidth;
          const own = slopes + (i * outHeight + first) * outWidth * outChannels * 4;
          const ofRows = { address: own, width: outChannels, rowBytes: outChannels * 4, count };
          packSteps(backend, routines, ofRows, tile.columns, right);
          for (let row = 0; row < info.filterHeight; row++) {
            for (let oy = 0; oy < rows; oy++) {
              const address = image + ((first + oy) * strideHeight + row) * paddedRow * 4;
              const steps = { address, width: covered, rowBytes: strideWidth * inChannels * 4, count: outWidth };
              packSteps(backend, routines, steps, tile.rows, left + oy * outWidth * tile.rows * 4, count);
            }
            const packed = { left, rows: covered, right, columns: outChannels, count };
            const address = to + row * covered * outChannels * 4;
            multiplyPacked(backend, routines, packed, { address, tileAt, isAdded: true });
          }
        }
      }
    });
    return out;
  },
};
