import type { Optimism } from "#core/confidence/certify.ts";
import { count } from "#core/format.ts";
import type { SplitReport } from "../train/splits.ts";

/** Says how rows were split, and what was left out. */
export function describeSplits({ groups, calibrationGroups, latest, inGaps, duplicates }: SplitReport): string {
  const parts = [`${count(groups)} groups`, `${count(calibrationGroups)} of them calibrate`];
  if (latest) parts.push(`the last ${latest.blocks} blocks of time, from ${latest.from} on, only test`);
  if (inGaps > 0) parts.push(`${count(inGaps)} rows between two splits are left out`);
  if (duplicates > 0) parts.push(`${count(duplicates)} calibration rows that equal a training row are left out`);
  return parts.join("; ");
}

/** Says how much worse the latest rows are than the calibration rows. */
export function describeOptimism(optimism: Optimism | null): string {
  if (!optimism) return "–";
  const error = optimism.error === null ? null : `${signed(100 * optimism.error, 1)} points of error`;
  const loss = optimism.logLoss === null ? null : `${signed(optimism.logLoss, 4)} log-loss`;
  return [error, loss].filter((one) => one !== null).join(", ") || "–";
}

function signed(value: number, digits: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
}
