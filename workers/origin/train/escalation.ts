import { comparePublished, type EscalatedRow } from "#core/confidence/escalation-estimate.ts";
import { accepts } from "#core/confidence/rule.ts";
import type { EscalationEstimate } from "#core/contract/index.ts";
import { taskOf } from "#core/task/index.ts";
import type { Recipe } from "../recipes/index.ts";
import type { CalibratedNetwork } from "./calibrate.ts";
import type { RowsBySplit } from "./splits.ts";

type Networks = Record<"thin" | "full", Pick<CalibratedNetwork, "spec" | "calibrationScores" | "latestScores">>;

/** Compares full with thin on the held-out rows that thin would escalate. */
export function estimateEscalation(
  recipe: Recipe,
  { calibration, latest, groups }: RowsBySplit,
  { thin, full }: Networks,
): EscalationEstimate {
  const rows = [...calibration, ...latest];
  const keys = [...groups.calibration, ...groups.latest];
  const [ofThin, ofFull] = [thin, full].map((one) => [...one.calibrationScores, ...one.latestScores]) as [
    Float64Array[],
    Float64Array[],
  ];
  const task = taskOf(recipe);
  const escalated = rows.flatMap(({ region, label }, i): EscalatedRow[] => {
    const said = task.read(ofThin[i] as Float64Array, thin.spec.reading);
    if (accepts(thin.spec.rule, said.confidence, said.label)) return [];
    const thinRight = task.isRight(said.label, label);
    const fullRight = task.isRight(task.read(ofFull[i] as Float64Array, full.spec.reading).label, label);
    return [{ cluster: keys[i] as string, region, thinRight, fullRight }];
  });
  return comparePublished(escalated);
}
