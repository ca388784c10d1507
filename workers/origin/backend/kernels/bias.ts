import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm/dist/backend_wasm.js";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { routinesOf } from "../simd/heap.ts";
import { addressOf, sizeOf, valuesOf } from "./wasm.ts";

/** Adds a bias to the last dimension of values in place, and applies relu if `isRelu`. */
export function addBias(backend: BackendWasm, to: TensorInfo, bias: TensorInfo, isRelu: boolean): void {
  const columns = bias.shape[0] as number;
  const rows = sizeOf(to.shape) / columns;
  const whole = columns & ~3;
  const floor = isRelu ? 0 : Number.NEGATIVE_INFINITY;
  routinesOf(backend).addBias(addressOf(backend, to), addressOf(backend, bias), whole, rows, columns * 4, floor);
  if (whole === columns) return;
  const [values, added] = [valuesOf(backend, to), valuesOf(backend, bias)];
  for (let row = 0; row < rows; row++) {
    for (let column = whole; column < columns; column++) {
      const at = row * columns + column;
      values[at] = Math.max(floor, (values[at] as number) + (added[column] as number));
    }
  }
}
