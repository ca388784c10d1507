/** A dense layer's kernel, in blocks of eight units: the eight weights of an input are side by side. */
export interface DenseKernel {
  inputs: number;
  units: number;
  blocks: Float64Array;
  /** One value for each unit, and zeros to fill the last block. */
  bias: Float64Array;
}

const blockUnits = 8;

/**
 * Arranges a kernel [inputs, units] and its bias for `multiply`.
 * @param bias null for none
 */
export function packKernel(
  kernel: Float64Array,
  bias: Float64Array | null,
  inputs: number,
  units: number,
): DenseKernel {
  const count = Math.ceil(units / blockUnits);
  const blocks = new Float64Array(count * inputs * blockUnits);
  const padded = new Float64Array(count * blockUnits);
  if (bias) padded.set(bias);
  for (let unit = 0; unit < units; unit++) {
    const start = Math.floor(unit / blockUnits) * inputs * blockUnits + (unit % blockUnits);
    for (let i = 0; i < inputs; i++) blocks[start + i * blockUnits] = kernel[i * units + unit] as number;
  }
  return { inputs, units, blocks, bias: padded };
}

/**
 * Computes rows · kernel + bias into `out`. Every row is summed in the same order, in float64, however many rows there are:
 * an embedding has the same bits wherever it is computed.
 */
export function multiply(dense: DenseKernel, from: Float32Array, rows: number, out: Float32Array): void {
  const { inputs, units, blocks, bias } = dense;
  for (let row = 0; row < rows; row++) {
    const start = row * inputs;
    const end = start + inputs;
    let at = 0;
    for (let unit = 0; unit < units; unit += blockUnits) {
      // Sums in variables stay in registers; in an array they would be stored and read for each input.
      let a = bias[unit] as number;
      let b = bias[unit + 1] as number;
      let c = bias[unit + 2] as number;
      let d = bias[unit + 3] as number;
      let e = bias[unit + 4] as number;
      let f = bias[unit + 5] as number;
      let g = bias[unit + 6] as number;
      let h = bias[unit + 7] as number;
      for (let i = start; i < end; i++) {
        const value = from[i] as number;
        a += value * (blocks[at] as number);
        b += value * (blocks[at + 1] as number);
        c += value * (blocks[at + 2] as number);
        d += value * (blocks[at + 3] as number);
        e += value * (blocks[at + 4] as number);
        f += value * (blocks[at + 5] as number);
        g += value * (blocks[at + 6] as number);
        h += value * (blocks[at + 7] as number);
        at += blockUnits;
      }
      const to = row * units + unit;
      const last = units - unit;
      out[to] = a;
      if (last > 1) out[to + 1] = b;
      if (last > 2) out[to + 2] = c;
      if (last > 3) out[to + 3] = d;
      if (last > 4) out[to + 4] = e;
      if (last > 5) out[to + 5] = f;
      if (last > 6) out[to + 6] = g;
      if (last > 7) out[to + 7] = h;
    }
  }
}
