import type { Outcome } from "./outcome.ts";

const z90 = 1.645;
/** From the simplest on. */
const simple = ["logistic", "ridge by region", "thin", "thin with heads"];

/**
 * Says where a simpler model is as good as the ladder, and whether boosting is better, by the paired difference in loss.
 * @param clusters of each row: rows of one cluster depend on each other
 */
export function findingsOf(
  outcomes: Readonly<Record<string, Outcome>>,
  lossName: string,
  clusters: readonly string[],
  { isTable }: { isTable: boolean },
): string[] {
  const { ladder, boosting } = outcomes as { ladder: Outcome; boosting?: Outcome };
  const compare = (outcome: Outcome) => difference(outcome.losses, ladder.losses, clusters);
  const text = ({ mean, error }: Difference) =>
    `${mean < 0 ? "−" : "+"}${Math.abs(mean).toFixed(4)} ${lossName}, 90% within ±${(z90 * error).toFixed(4)}`;
  const asGood = simple.find((name) => {
    const outcome = outcomes[name];
    if (!outcome) return false;
    const { mean, error } = compare(outcome);
    return mean - z90 * error <= 0;
  });
  const found = asGood
    ? [`A simpler model is as good as the ladder: ${asGood} (${text(compare(outcomes[asGood] as Outcome))}).`]
    : ["The ladder is better than each simpler model."];
  if (!isTable) {
    return [...found, "Logistic regression and boosting are left out: they take tables, not the n-grams of a text."];
  }
  if (!boosting) return [...found, "Boosting is left out: the program 'xgboost' is not installed."];
  const { mean, error } = compare(boosting);
  const verdict = mean + z90 * error < 0 ? "better than" : mean - z90 * error > 0 ? "worse than" : "as good as";
  return [...found, `Boosting is ${verdict} the ladder: ${text({ mean, error })}.`];
}

interface Difference {
  mean: number;
  error: number;
}

/** The mean difference of two lists of losses, and its standard error over clusters. */
function difference(a: Float64Array, b: Float64Array, clusters: readonly string[]): Difference {
  const differences = a.map((loss, row) => loss - (b[row] as number));
  const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length;
  const sums = new Map<string, number>();
  for (const [row, cluster] of clusters.entries()) {
    sums.set(cluster, (sums.get(cluster) ?? 0) + (differences[row] as number) - mean);
  }
  const squares = [...sums.values()].reduce((sum, value) => sum + value ** 2, 0);
  const correction = sums.size / Math.max(1, sums.size - 1);
  return { mean, error: Math.sqrt(squares * correction) / differences.length };
}
