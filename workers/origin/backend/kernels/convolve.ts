import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm/dist/backend_wasm.js";
import type { backend_util } from "@tensorflow/tfjs-core";
import { floatsOf, type Routines, routinesOf, withScratch } from "../simd/heap.ts";
import { multiplyPacked, packSteps, roundUp, tileFloats } from "../simd/multiply.ts";
import { tile } from "../simd/products.ts";
import { copyPadded, paddedSize } from "./images.ts";

/** Values that the filter covers at the positions that are packed at once: they stay in the processor's cache. */
const coveredMax = 131_072;

/**
 * Convolves the images at `x` with the filter at `filter` into `to`: what the filter covers at each position, times the
 * filter. It is copied only into packed factors, from images with their padding.
 */
export function convolve(
  backend: BackendWasm,
  info: backend_util.Conv2DInfo,
  { x, filter, to }: Record<"x" | "filter" | "to", number>,
): void {
  const { batchSize, inHeight, inWidth, inChannels, outChannels, outHeight, outWidth } = info;
  const steps = info.filterHeight * info.filterWidth * inChannels;
  const positions = outHeight * outWidth;
  const atOnce = Math.min(roundUp(positions, tile.rows), roundUp(Math.ceil(coveredMax / steps), tile.rows));
  const sizes = [paddedSize(info), roundUp(outChannels, tile.columns) * steps, atOnce * steps].map((n) =>
    roundUp(n, 4),
  );
  const [imageSize = 0, rightSize = 0, leftSize = 0] = sizes;
  withScratch(backend, imageSize + rightSize + leftSize + tileFloats, (image) => {
    const routines = routinesOf(backend);
    const floats = floatsOf(backend);
    const right = image + imageSize * 4;
    const left = right + rightSize * 4;
    const tileAt = left + leftSize * 4;
    floats.fill(0, image / 4, image / 4 + imageSize);
    const rows = { address: filter, width: outChannels, rowBytes: outChannels * 4, count: steps };
    packSteps(backend, routines, rows, tile.columns, right);
    for (let i = 0; i < batchSize; i++) {
      copyPadded(floats, info, x / 4 + i * inHeight * inWidth * inChannels, image / 4);
      for (let first = 0; first < positions; first += atOnce) {
        const count = Math.min(atOnce, positions - first);
        packCovered(routines, info, image, { first, count }, left);
        const packed = { left, rows: count, right, columns: outChannels, count: steps };
        const address = to + (i * positions + first) * outChannels * 4;
        multiplyPacked(backend, routines, packed, { address, tileAt, isAdded: false });
      }
    }
  });
}

/** Packs what the filter covers of an image at some positions, four of them at once. */
function packCovered(
  { packRows }: Routines,
  { inWidth, inChannels, outWidth, padInfo, ...info }: backend_util.Conv2DInfo,
  image: number,
  { first, count }: { first: number; count: number },
  to: number,
): void {
  const covered = info.filterWidth * inChannels;
  const rowBytes = (inWidth + padInfo.left + padInfo.right) * inChannels * 4;
  const last = first + count - 1;
  // After the last position it is packed again: the tile's other rows are not used.
  const addressOf = (position: number) => {
    const own = Math.min(position, last);
    const y = Math.floor(own / outWidth);
    return image + y * info.strideHeight * rowBytes + (own - y * outWidth) * info.strideWidth * inChannels * 4;
  };
  let target = to;
  for (let position = first; position <= last; position += tile.rows) {
    const [a, b, c, d] = [
      addressOf(position),
      addressOf(position + 1),
      addressOf(position + 2),
      addressOf(position + 3),
    ];
    for (let row = 0; row < info.filterHeight; row++) {
      const down = row * rowBytes;
      packRows(a + down, b + down, c + down, d + down, covered, target, tile.rows * 4);
      target += covered * tile.rows * 4;
    }
  }
}
