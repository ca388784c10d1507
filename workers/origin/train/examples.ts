import { accepts } from "../../core/confidence/rule.ts";
import type { Instance } from "../../core/contract/index.ts";
import { argMax } from "../../core/head/head.ts";
import type { Recipe, Row } from "../recipes/index.ts";
import type { Calibrated } from "./calibrate.ts";

/** An instance that the thin model is sure of, and one that only the full model is sure of; both rightly. */
export function pickExamples(
  { labels }: Recipe,
  rows: readonly Row[],
  thin: Calibrated,
  full: Calibrated | null,
): Instance[] {
  const verdict = ({ certifyScores, spec }: Calibrated, i: number) => {
    const scores = certifyScores[i] as Float64Array;
    const picked = argMax(scores);
    const confidence = scores[picked] as number;
    return { confidence, isSure: accepts(spec.rule, confidence), isRight: labels[picked] === rows[i]?.label };
  };
  const judged = rows.map((row, i) => ({ row, thin: verdict(thin, i), full: full && verdict(full, i) }));
  const easy = judged
    .filter((j) => j.thin.isSure && j.thin.isRight)
    .sort((a, b) => b.thin.confidence - a.thin.confidence)[0];
  const hard = judged
    .filter((j) => !j.thin.isSure && j.full?.isSure && j.full.isRight)
    .sort((a, b) => (b.full?.confidence ?? 0) - (a.full?.confidence ?? 0))[0];
  return [easy, hard].flatMap((found) => (found ? [found.row.instance] : []));
}
