import type { Neighbour } from "./neighbour-index.ts";

/** How many of the nearest answered questions are looked at. */
export const neighbourCount = 5;

const minNear = 2;
// Float32 rows of unit length make 1 − 1e-7 of an exact repeat.
const repeatSimilarity = 1 - 1e-6;

/**
 * What memory says of a question: the label of its nearest neighbours, where at least two are near enough (or one that
 * is an exact repeat) and all of these agree; null otherwise.
 *
 * @param neighbours nearest first; those after the first five do not count
 * @param radius the least similarity that is near enough, a cosine
 */
export function agreedLabel(neighbours: readonly Neighbour[], radius: number): { label: number } | null {
  const near = neighbours.slice(0, neighbourCount).filter(({ similarity }) => similarity >= radius);
  const [nearest] = near;
  if (nearest === undefined) return null;
  if (near.length < minNear && nearest.similarity < repeatSimilarity) return null;
  return near.every(({ label }) => label === nearest.label) ? { label: nearest.label } : null;
}
