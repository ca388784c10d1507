import type { backend_util } from "@tensorflow/tfjs-core";

/** The floats of an image with its padding. */
export function paddedSize({ inHeight, inWidth, inChannels, padInfo }: backend_util.Conv2DInfo): number {
  return (inHeight + padInfo.top + padInfo.bottom) * (inWidth + padInfo.left + padInfo.right) * inChannels;
}

/** Copies an image of a batch to `to`, with zeros around it. What is around it must be zero already. */
export function copyPadded(
  floats: Float32Array,
  { inHeight, inWidth, inChannels, padInfo }: backend_util.Conv2DInfo,
  from: number,
  to: number,
): void {
  const row = inWidth * inChannels;
  const paddedRow = (inWidth + padInfo.left + padInfo.right) * inChannels;
  for (let y = 0; y < inHeight; y++) {
    const start = from + y * row;
    floats.copyWithin(to + (y + padInfo.top) * paddedRow + padInfo.left * inChannels, start, start + row);
  }
}
