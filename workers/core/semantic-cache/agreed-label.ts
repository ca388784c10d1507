import { isWithin } from "../regress/read.ts";
import type { Neighbour } from "./neighbour-index.ts";

/** How many nearest neighbours are considered. */
export const neighbourCount = 5;

const minNear = 2;
// The similarity of an exact repeat is 1 − 1e-7 with float32 rows of unit length.
const repeatSimilarity = 1 - 1e-6;

/**
 * Returns the label on which a question's near neighbours agree. Requires at least two neighbours within the radius, or one
 * that is an exact repeat, and the same label for all of them; null otherwise. Of numbers it is their median, from which
 * none may be further than the tolerance.
 *
 * @param neighbours nearest first; those after the first five are ignored
 * @param radius the least cosine similarity of a near neighbour
 * @param tolerance how far labels may be apart, where they are numbers; null where they are classes
 */
export function agreedLabel(
  neighbours: readonly Neighbour[],
  radius: number,
  tolerance: number | null = null,
): { label: number } | null {
  const near = neighbours.slice(0, neighbourCount).filter(({ similarity }) => similarity >= radius);
  const [nearest] = near;
  if (nearest === undefined) return null;
  if (near.length < minNear && nearest.similarity < repeatSimilarity) return null;
  if (tolerance === null) return near.every(({ label }) => label === nearest.label) ? { label: nearest.label } : null;
  const sorted = near.map(({ label }) => label).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] as number;
  return sorted.every((label) => isWithin(median, label, tolerance)) ? { label: median } : null;
}
