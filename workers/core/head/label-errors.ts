/** A label that a head, which has not learned from it, disagrees with. */
export interface Disagreement {
  /** The label that the head puts first, by index. */
  suggestion: number;
  /** How much more the head says for it than for the given label: near 1 for a confident disagreement. */
  margin: number;
}

/**
 * Says how much a head disagrees with a label; null where it agrees. The head must not have learned from the row (cross-fitted):
 * one that has learned from a wrong label repeats it. `weights` are those of an analytic head, [width + 1, classes] row by row:
 * its outputs estimate probabilities.
 */
export function disagreementOf(
  { weights, classes, step }: { weights: Float32Array; classes: number; step: number },
  vector: Int16Array,
  label: number,
): Disagreement | null {
  const width = vector.length;
  const outputs = Float64Array.from({ length: classes }, (_, c) => weights[width * classes + c] as number);
  for (let i = 0; i < width; i++) {
    const value = (vector[i] as number) * step;
    if (value === 0) continue;
    for (let c = 0; c < classes; c++)
      outputs[c] = (outputs[c] as number) + value * (weights[i * classes + c] as number);
  }
  let suggestion = 0;
  for (let c = 1; c < classes; c++) if ((outputs[c] as number) > (outputs[suggestion] as number)) suggestion = c;
  if (suggestion === label) return null;
  return { suggestion, margin: (outputs[suggestion] as number) - (outputs[label] as number) };
}
