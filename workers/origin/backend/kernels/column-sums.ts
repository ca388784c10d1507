import { type KernelConfig, Sum, type SumAttrs, util } from "@tensorflow/tfjs-core";
import { routinesOf } from "../simd/heap.ts";
import { addressOf, type KernelCall, sizeOf, valuesOf } from "./wasm.ts";

/** Sums over the first dimensions, such as a bias's gradient. The backend's own kernel transposes all values first. */
export function columnSums(own: KernelConfig): KernelConfig {
  return {
    ...own,
    kernelName: Sum,
    kernelFunc: (call) => {
      const { inputs, backend, attrs } = call as unknown as KernelCall<"x">;
      const { axis, keepDims } = attrs as SumAttrs;
      const { x } = inputs;
      const axes = util.parseAxisParam(axis, x.shape).sort((a, b) => a - b);
      const isLeading = axes.every((one, i) => one === i) && axes.length > 0 && axes.length < x.shape.length;
      if (!isLeading || x.dtype !== "float32") return own.kernelFunc(call);
      const [summed, kept] = [x.shape.slice(0, axes.length), x.shape.slice(axes.length)];
      const [rows, columns] = [sizeOf(summed), sizeOf(kept)];
      const out = backend.makeOutput(keepDims ? [...axes.map(() => 1), ...kept] : kept, "float32");
      const [from, to] = [addressOf(backend, x), addressOf(backend, out)];
      const { columnSums: sum } = routinesOf(backend);
      const whole = columns & ~3;
      for (let i = 0; i < whole; i += 4) sum(from + i * 4, columns * 4, rows, to + i * 4);
      const [values, sums] = [valuesOf(backend, x), valuesOf(backend, out)];
      for (let column = whole; column < columns; column++) {
        let total = 0;
        for (let at = column; at < values.length; at += columns) total = Math.fround(total + (values[at] as number));
        sums[column] = total;
      }
      return out;
    },
  };
}
