import type { KernelConfig } from "@tensorflow/tfjs-core";
import { routinesOf } from "../simd/heap.ts";
import { addressOf, type KernelCall, valuesOf } from "./wasm.ts";

/** The name of the kernel that sums weighted rows. */
export const embeddingBagKernel = "EmbeddingBag";

/**
 * Sums weighted rows of `x` [n, width]: out[owners[i]] += weights[i] · x[places[i]] [rows, width], in one pass. As gather,
 * product and segment sum it would write each row three times. Its gradient is the same sum with places and owners swapped.
 */
export const embeddingBag: KernelConfig = {
  kernelName: embeddingBagKernel,
  backendName: "wasm",
  kernelFunc: (call) => {
    const { inputs, backend, attrs } = call as unknown as KernelCall<"x" | "places" | "owners" | "weights">;
    const { rows } = attrs as { rows: number };
    const { x } = inputs;
    const width = x.shape[1] as number;
    const out = backend.makeOutput([rows, width], "float32");
    const [values, weights, sums] = [valuesOf(backend, x), valuesOf(backend, inputs.weights), valuesOf(backend, out)];
    const places = backend.typedArrayFromHeap(inputs.places) as Int32Array;
    const owners = backend.typedArrayFromHeap(inputs.owners) as Int32Array;
    sums.fill(0);
    const whole = width & ~3;
    const { addScaled } = routinesOf(backend);
    const [table, to] = [addressOf(backend, x), addressOf(backend, out)];
    for (let n = 0; n < places.length; n++) {
      const weight = weights[n] as number;
      const [from, at] = [(places[n] as number) * width, (owners[n] as number) * width];
      addScaled(table + from * 4, to + at * 4, weight, whole);
      for (let i = whole; i < width; i++) {
        sums[at + i] = (sums[at + i] as number) + weight * (values[from + i] as number);
      }
    }
    return out;
  },
};
