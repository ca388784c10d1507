import { multiplyModule } from "#multiply-wasm";
import type { DenseKernel } from "./dense.ts";

const pageBytes = 64 * 1024;
const memoryPages = 16;
const memoryBytes = memoryPages * pageBytes;
const floatBytes = 4;
/** Units that are computed together: rows of the result take whole blocks. */
const blockUnits = 8;

type MultiplyRows = (
  ...addresses: [
    kernel: number,
    bias: number,
    biasEnd: number,
    from: number,
    fromEnd: number,
    rowBytes: number,
    to: number,
    resultBytes: number,
  ]
) => void;

interface Unit {
  doubles: Float64Array;
  floats: Float32Array;
  multiplyRows: MultiplyRows;
  /** The kernel in memory. */
  kernel: DenseKernel | null;
}

/** Null before the first use; false where the platform has no SIMD. */
let unit: Unit | false | null = null;

/**
 * Computes rows · kernel + bias by SIMD, with the same bits as `multiply`. Returns false, and computes nothing, where that is
 * not possible: without SIMD, or for a kernel that is too large.
 */
export function multiplyBySimd(dense: DenseKernel, from: Float32Array, rows: number, out: Float32Array): boolean {
  const { inputs, units, blocks, bias } = dense;
  const stride = Math.ceil(units / blockUnits) * blockUnits;
  const biasAt = blocks.byteLength;
  const fromAt = biasAt + bias.byteLength;
  const fromEnd = fromAt + rows * inputs * floatBytes;
  // Vectors are stored faster at multiples of their size.
  const to = Math.ceil(fromEnd / 16) * 16;
  if (to + rows * stride * floatBytes > memoryBytes) return false;
  unit ??= start();
  if (!unit) return false;
  const { doubles, floats, multiplyRows } = unit;
  if (unit.kernel !== dense) {
    doubles.set(blocks);
    doubles.set(bias, blocks.length);
    unit.kernel = dense;
  }
  floats.set(from.subarray(0, rows * inputs), fromAt / floatBytes);
  multiplyRows(0, biasAt, fromAt, fromAt, fromEnd, inputs * floatBytes, to, stride * floatBytes);
  const found = to / floatBytes;
  if (stride === units) out.set(floats.subarray(found, found + rows * units));
  else
    for (let row = 0; row < rows; row++)
      out.set(floats.subarray(found + row * stride, found + row * stride + units), row * units);
  return true;
}

function start(): Unit | false {
  try {
    const memory = new WebAssembly.Memory({ initial: memoryPages });
    const { exports } = new WebAssembly.Instance(multiplyModule(), { env: { memory } });
    const { multiplyRows } = exports as unknown as { multiplyRows: MultiplyRows };
    return {
      doubles: new Float64Array(memory.buffer),
      floats: new Float32Array(memory.buffer),
      multiplyRows,
      kernel: null,
    };
  } catch {
    return false;
  }
}
