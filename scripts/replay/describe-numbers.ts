import { percent, withinText } from "#core/format.ts";
import { formatTable } from "../local/output.ts";
import type { LadderNumbers } from "./numbers.ts";
import { heads } from "./played.ts";
import type { ReplayReport } from "./report.ts";

/** Describes the errors of each head and of the ladder; empty where labels are predicted. */
export function numberTable({ heads: measured, ladder, number }: ReplayReport): string {
  if (!number || !ladder) return "";
  const rows = heads.flatMap((head) => {
    const m = measured[head];
    return m?.number ? [[head, ...figures({ ...m.number, within: m.accuracy, interval: null })]] : [];
  });
  return formatTable([["answered by", ...columnsOf(number)], ...rows, ["ladder", ...figures(ladder)]]);
}

/** Describes the ladder's errors and the coverage of its intervals in every region; empty where labels are predicted. */
export function regionTable({ byRegion, number, certificates }: ReplayReport): string {
  if (!number) return "";
  const last = new Map(certificates.byRegionAndYear.map((look) => [look.region, look.status]));
  const rows = Object.entries(byRegion).flatMap(([region, { questions, ladder }]) =>
    ladder ? [[region, questions, ...figures(ladder), last.get(region) ?? null]] : [],
  );
  return formatTable([["region", "questions", ...columnsOf(number), "certificate"], ...rows]);
}

function columnsOf(number: NonNullable<ReplayReport["number"]>): string[] {
  const { coverage, unit } = number;
  const own = unit === undefined ? "" : `, ${unit}`;
  return [`MAE${own}`, `RMSE${own}`, withinText(number), `${percent(coverage)} interval covers`, `its length${own}`];
}

function figures({ mae, rmse, within, interval }: LadderNumbers): (string | null)[] {
  return [
    ...[mae.toFixed(3), rmse.toFixed(3), percent(within)],
    ...(interval ? [percent(interval.coverage), interval.length.toFixed(2)] : [null, null]),
  ];
}
