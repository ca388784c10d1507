import type { Bins } from "../contract/index.ts";
import { labelShares, type SoftLabel } from "../head/label.ts";
import { atomOf, binCount, positionOf } from "./bins.ts";

/**
 * Spreads a number over the bins around it: HL-Gauss (Imani & White 2018, arXiv 1806.04613; arXiv 2403.03950), a normal
 * distribution around its position, with a standard deviation of `sigma` bins.
 */
export function softLabelOf(bins: Bins, value: number): SoftLabel {
  const position = positionOf(bins, value);
  const bin = Math.min(binCount(bins) - 1, Math.floor(position));
  if (atomOf(bins, bin) !== null || bins.sigma === 0) return { value, first: bin, shares: [labelShares] };
  const [from, to] = runAround(bins, bin);
  const below = (edge: number) => {
    if (edge === 0) return 0;
    return edge === binCount(bins) ? 1 : normalBelow((edge - position) / bins.sigma);
  };
  const [low, high] = [below(from), below(to)];
  const shares: number[] = [];
  let first = from;
  let before = 0;
  for (let edge = from + 1; edge <= to; edge++) {
    // Rounding what is below an edge, the shares sum to the whole, and the median stays where it is.
    const next = Math.round((labelShares * (below(edge) - low)) / (high - low));
    if (next > before) shares.push(next - before);
    else if (before === 0) first = edge;
    else if (before === labelShares) break;
    else shares.push(0);
    before = next;
  }
  return { value, first, shares };
}

/** Finds the bins around a bin without an atom among them: a label never spreads to an atom. */
function runAround(bins: Bins, bin: number): [from: number, to: number] {
  let [from, to] = [bin, bin + 1];
  while (from > 0 && atomOf(bins, from - 1) === null) from--;
  while (to < binCount(bins) && atomOf(bins, to) === null) to++;
  return [from, to];
}

/**
 * Computes the standard normal distribution function to within 2e-7 (Abramowitz & Stegun 7.1.28). It has only operations
 * that IEEE 754 defines to the last bit, so that every engine gives a number the same shares.
 */
function normalBelow(x: number): number {
  const z = Math.abs(x) * Math.SQRT1_2;
  const sum =
    1 +
    z *
      (0.0705230784 +
        z * (0.0422820123 + z * (0.0092705272 + z * (0.0001520143 + z * (0.0002765672 + z * 0.0000430638)))));
  const by2 = sum * sum;
  const by4 = by2 * by2;
  const by8 = by4 * by4;
  const above = 0.5 / (by8 * by8);
  return x < 0 ? above : 1 - above;
}
