import type { backend_util } from "@tensorflow/tfjs-core";

/**
 * Writes the patches that a convolution's filter covers in `count` images from `first` on, transposed:
 * [filter height · filter width · channels, images · out height · out width]; zero outside the image.
 */
export function writePatches(
  x: Float32Array,
  patches: Float32Array,
  info: backend_util.Conv2DInfo,
  first: number,
  count: number,
): void {
  const { inHeight, inWidth, inChannels, outHeight, outWidth, filterHeight, filterWidth } = info;
  const { strideHeight, strideWidth, padInfo } = info;
  let at = 0;
  for (let i = 0; i < filterHeight; i++) {
    for (let j = 0; j < filterWidth; j++) {
      for (let c = 0; c < inChannels; c++) {
        for (let image = first; image < first + count; image++) {
          for (let oy = 0; oy < outHeight; oy++) {
            const y = oy * strideHeight + i - padInfo.top;
            const isRow = y >= 0 && y < inHeight;
            const from = ((image * inHeight + y) * inWidth + j - padInfo.left) * inChannels + c;
            for (let ox = 0; ox < outWidth; ox++) {
              const column = ox * strideWidth + j - padInfo.left;
              const isInside = isRow && column >= 0 && column < inWidth;
              patches[at++] = isInside ? (x[from + ox * strideWidth * inChannels] as number) : 0;
            }
          }
        }
      }
    }
  }
}
