import type { Optimism } from "#core/confidence/certify.ts";
import { count } from "#core/format.ts";
import type { ChosenScale } from "../train/choose-scale.ts";
import type { OwnThinVerdict } from "../train/own-thins.ts";
import type { SplitReport } from "../train/splits.ts";
import type { Candidate, TrainedNetwork } from "../train/train-network.ts";

/** Says how rows were split, and what was left out. */
export function describeSplits({ groups, calibrationGroups, latest, inGaps, duplicates }: SplitReport): string {
  const parts = [`${count(groups)} groups`, `${count(calibrationGroups)} of them calibrate`];
  if (latest) parts.push(`the last ${latest.blocks} blocks of time, from ${latest.from} on, only test`);
  if (inGaps > 0) parts.push(`${count(inGaps)} rows between two splits are left out`);
  if (duplicates > 0) parts.push(`${count(duplicates)} calibration rows that equal a training row are left out`);
  return parts.join("; ");
}

/** Says what was trained to choose a network from; null where there was no choice. */
export function describeCandidates({ candidates }: Pick<TrainedNetwork, "candidates">): string | null {
  if (candidates.length < 2) return null;
  const kinds = new Set(candidates.map(({ kind }) => kind));
  const nameOf = ({ kind, distil }: Candidate) =>
    kinds.size > 1 ? kind : distil > 0 ? "distilled from full" : "direct";
  return candidates
    .map((one) => {
      const loss = one.validationLoss === null ? "not trained: add --max-minutes" : one.validationLoss.toFixed(3);
      return `${nameOf(one)} ${loss}${one.isChosen ? " (taken)" : ""}`;
    })
    .join(", ");
}

/** Says whether the thin network of a kind of rung is published. */
export function describeOwnThin({ kind, promoted, reason, bytes }: OwnThinVerdict): string {
  const size = bytes === null ? "" : ` (${(bytes / 1000).toFixed(1)} kB)`;
  return promoted ? `published${size}: ${reason}` : `not published${size}: ${reason}. Rungs of kind '${kind}' run thin`;
}

/** Says how numbers are scaled; null where there was no choice. */
export function describeScale(chosen: ChosenScale | null): string | null {
  if (!chosen) return null;
  const losses = Object.entries(chosen.losses).map(
    ([scale, loss]) => `${scale} ${loss.toFixed(3)}${scale === chosen.scale ? " (taken)" : ""}`,
  );
  return losses.join(", ");
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
