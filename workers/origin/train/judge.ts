import { accepts } from "#core/confidence/rule.ts";
import type { Metrics, NetworkSpec } from "#core/contract/index.ts";
import type { Label } from "#core/head/label.ts";
import { taskOf } from "#core/task/index.ts";
import type { Recipe, Row } from "../recipes/index.ts";
import { encodeRows, labelsOf } from "./dataset.ts";
import type { Artefact } from "./index.ts";
import { withBins } from "./numbers.ts";
import { readFrom, scoreDataset } from "./score.ts";

/** A network's metrics, and what its accept rule does. */
export interface Judged extends Metrics {
  /** The share of rows that the rule accepts. */
  accepted: number;
  /** The share of accepted rows that are wrong; null where none is accepted. */
  wrongOfAccepted: number | null;
}

/** Judges a trained model's networks on other rows. Throws when there are none. */
export async function judge(
  given: Recipe,
  { draft, blobs }: Artefact,
  rows: readonly Row[],
): Promise<Record<"full" | "thin", Judged>> {
  const recipe = withBins(given, [], draft);
  if (rows.length === 0) throw new Error("There are no rows with a label to judge on.");
  const of = async (spec: NetworkSpec): Promise<Judged> => {
    const data = encodeRows(recipe, spec.input, rows);
    try {
      const [scores, labels, task] = [await scoreDataset(spec, readFrom(blobs), data), labelsOf(data), taskOf(draft)];
      const accepted = scores.flatMap((own, row) => {
        const { confidence, right } = task.grade(own, labels[row] as Label, spec.reading);
        return accepts(spec.rule, confidence, task.read(own, spec.reading).label) ? [right] : [];
      });
      const wrong = accepted.filter((isRight) => !isRight).length;
      return {
        ...task.evaluate(scores, labels, spec.reading),
        accepted: accepted.length / data.rows,
        wrongOfAccepted: accepted.length > 0 ? wrong / accepted.length : null,
      };
    } finally {
      data.values.release();
    }
  };
  return { thin: await of(draft.thin), full: await of(draft.full ?? draft.thin) };
}
