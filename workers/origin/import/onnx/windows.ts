import { type Call, int, ints, text } from "./call.ts";
import { OnnxError } from "./errors.ts";

/** How a window moves over the two axes of an image: one entry an axis. */
export interface Windows {
  kernel: number[];
  strides: number[];
  dilations: number[];
  /** Elements added before and after each axis. */
  pads: [number, number][];
  /** Sizes of the result. */
  sizes: number[];
}

/** Reads the windows of a convolution or a pool over an image of known size. */
export function windowsOf(call: Call, image: readonly number[], kernel: number[]): Windows {
  const each = (name: string) => ints(call, name) ?? kernel.map(() => 1);
  const [strides, dilations] = [each("strides"), each("dilations")];
  const spans = kernel.map((size, i) => (size - 1) * (dilations[i] as number) + 1);
  const pads = padsOf(call, image, spans, strides);
  const ceil = int(call, "ceil_mode", 0) === 1;
  const sizes = image.map((size, i) => {
    const [before, after] = pads[i] as [number, number];
    const stride = strides[i] as number;
    const steps = (size + before + after - (spans[i] as number)) / stride;
    if (steps < 0) throw new OnnxError(`its window of ${spans[i]} is larger than its input of ${size}`);
    const found = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // A last window that would begin in the padding is left out.
    return ceil && (found - 1) * stride >= size + before ? found - 1 : found;
  });
  return { kernel, strides, dilations, pads, sizes };
}

/** Reads the padding of each axis, given or so that the result has the size of its input by its stride. */
export function padsOf(
  call: Call,
  image: readonly number[],
  spans: readonly number[],
  strides: readonly number[],
): [number, number][] {
  const mode = text(call, "auto_pad", "NOTSET");
  if (mode === "VALID") return image.map(() => [0, 0]);
  if (mode === "SAME_UPPER" || mode === "SAME_LOWER") {
    return image.map((size, i) => {
      const stride = strides[i] as number;
      const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + (spans[i] as number) - size);
      const less = Math.floor(total / 2);
      return mode === "SAME_UPPER" ? [less, total - less] : [total - less, less];
    });
  }
  const given = ints(call, "pads") ?? [];
  const pads = image.map((_, i): [number, number] => [given[i] ?? 0, given[i + image.length] ?? 0]);
  if (pads.flat().some((size) => size < 0)) throw new OnnxError("its padding is negative. Use a Slice instead");
  return pads;
}
