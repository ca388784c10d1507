import { comparePublished, type EscalatedRow } from "#core/confidence/escalation-estimate.ts";
import { accepts } from "#core/confidence/rule.ts";
import type { EscalationEstimate } from "#core/contract/index.ts";
import { argMax } from "#core/head/head.ts";
import type { Recipe } from "../recipes/index.ts";
import type { CalibratedNetwork } from "./calibrate.ts";
import type { RowsBySplit } from "./splits.ts";

type Networks = Record<"thin" | "full", Pick<CalibratedNetwork, "spec" | "calibrationScores" | "latestScores">>;

/** Compares full with thin on the held-out rows that thin would escalate. */
export function estimateEscalation(
  { labels }: Recipe,
  { calibration, latest, groups }: RowsBySplit,
  { thin, full }: Networks,
): EscalationEstimate {
  const rows = [...calibration, ...latest];
  const keys = [...groups.calibration, ...groups.latest];
  const [ofThin, ofFull] = [thin, full].map((one) => [...one.calibrationScores, ...one.latestScores]) as [
    Float64Array[],
    Float64Array[],
  ];
  const escalated = rows.flatMap(({ region, label }, i): EscalatedRow[] => {
    const scores = ofThin[i] as Float64Array;
    const predicted = argMax(scores);
    if (accepts(thin.spec.rule, scores[predicted] as number, labels[predicted])) return [];
    const thinRight = labels[predicted] === label;
    const fullRight = labels[argMax(ofFull[i] as Float64Array)] === label;
    return [{ cluster: keys[i] as string, region, thinRight, fullRight }];
  });
  return comparePublished(escalated);
}
