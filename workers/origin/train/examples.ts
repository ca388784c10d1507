import { accepts } from "#core/confidence/rule.ts";
import type { Instance } from "#core/contract/index.ts";
import { taskOf } from "#core/task/index.ts";
import type { Recipe, Row } from "../recipes/index.ts";
import type { CalibratedNetwork } from "./calibrate.ts";

/**
 * Chooses an instance that thin accepts and one that only full accepts, both with the correct label; where there is none,
 * those of which thin is most and least confident.
 */
export function chooseExamples(
  recipe: Recipe,
  rows: readonly Row[],
  thin: CalibratedNetwork,
  full: CalibratedNetwork | null,
): Instance[] {
  const task = taskOf(recipe);
  const judge = ({ calibrationScores, spec }: CalibratedNetwork, i: number) => {
    const { label, confidence } = task.read(calibrationScores[i] as Float64Array, spec.reading);
    const isRight = task.isRight(label, (rows[i] as Row).label);
    return { confidence, isAccepted: accepts(spec.rule, confidence, label), isRight };
  };
  const judged = rows.map((row, i) => ({ row, thin: judge(thin, i), full: full && judge(full, i) }));
  const byConfidence = judged.filter((j) => j.thin.isRight).sort((a, b) => b.thin.confidence - a.thin.confidence);
  const easy = byConfidence.find((j) => j.thin.isAccepted) ?? byConfidence[0];
  const hard = judged
    .filter((j) => !j.thin.isAccepted && j.full?.isAccepted && j.full.isRight)
    .sort((a, b) => (b.full?.confidence ?? 0) - (a.full?.confidence ?? 0))
    .concat(byConfidence.slice(1).reverse())[0];
  return [easy, hard].flatMap((found) => (found ? [found.row.instance] : []));
}
