import type { Tensor } from "#core/model/engine.ts";

/** The largest difference from the reference that counts as rounding, as a share of max(1, |reference|). */
export const tolerance = 1e-4;

/**
 * Returns the largest |a − b| / max(1, |b|) between found values a and those of the reference b; infinite where the shapes
 * differ, or a value is not finite and the reference's is. Null when the reference has no finite value to compare with.
 */
export function differenceOf(found: Tensor, reference: Tensor): number | null {
  if (found.shape.join() !== reference.shape.join()) return Number.POSITIVE_INFINITY;
  let largest: number | null = found.values.length === 0 ? 0 : null;
  for (const [i, b] of reference.values.entries()) {
    // Random inputs may lie outside of what a model takes, such as the logarithm of a negative number.
    if (!Number.isFinite(b)) continue;
    const difference = Math.abs((found.values[i] as number) - b) / Math.max(1, Math.abs(b));
    largest = Math.max(largest ?? 0, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
  }
  return largest;
}

/** Returns the largest of differences; null when none is known. */
export function largestOf(differences: readonly (number | null)[]): number | null {
  const known = differences.filter((one) => one !== null);
  return known.length === 0 ? null : Math.max(...known);
}

/** Formats a difference for people. */
export function formatDifference(difference: number | null): string {
  if (difference === null) return "not comparable";
  if (difference === Number.POSITIVE_INFINITY) return "infinite";
  return difference === 0 ? "0" : difference.toExponential(1);
}
