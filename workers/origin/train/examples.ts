import { accepts } from "#core/confidence/rule.ts";
import type { Instance } from "#core/contract/index.ts";
import { argMax } from "#core/head/head.ts";
import type { Recipe, Row } from "../recipes/index.ts";
import type { CalibratedNetwork } from "./calibrate.ts";

/**
 * Chooses an instance that thin accepts and one that only full accepts, both with the correct label; where there is none,
 * those of which thin is most and least confident.
 */
export function chooseExamples(
  { labels }: Recipe,
  rows: readonly Row[],
  thin: CalibratedNetwork,
  full: CalibratedNetwork | null,
): Instance[] {
  const judge = ({ calibrationScores, spec }: CalibratedNetwork, i: number) => {
    const scores = calibrationScores[i] as Float64Array;
    const predicted = argMax(scores);
    const label = labels[predicted] as string;
    const confidence = scores[predicted] as number;
    return { confidence, isAccepted: accepts(spec.rule, confidence, label), isRight: label === rows[i]?.label };
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
