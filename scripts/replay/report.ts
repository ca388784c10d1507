import {
  type CertificateLook,
  type CertificateSummary,
  judgeLooks,
  type StationYear,
  summariseLooks,
} from "./certificates.ts";
import { type Comparison, compare } from "./compare.ts";
import { isoDay, yearOf } from "./days.ts";
import type { OriginTraining } from "./learn-above.ts";
import { allRows, type HeadName, heads, type Played } from "./played.ts";
import { type Gains, gainsOf, type ReplaySummary, summarise, summariseBy } from "./summary.ts";

/** Everything that a replay found out, all from one run over the same questions. */
export interface ReplayReport extends ReplaySummary {
  model: string;
  from: string;
  to: string;
  /** The error that the accept rule aims at. */
  targetRisk: number;
  byYear: Record<string, ReplaySummary>;
  byRegion: Record<string, ReplaySummary>;
  /** By head: in how many regions its log-loss is below the global head's. */
  gains: Partial<Record<HeadName, Gains>>;
  certificates: CertificateSummary & { byYear: Record<string, CertificateSummary>; byRegionAndYear: StationYear[] };
  /** Null where some head scored nothing. */
  comparison: Comparison | null;
  /** How many retrains ended how. */
  retrains: Record<string, number>;
  /** The origin's trainings, where it learned from below. */
  origin: OriginTraining[];
  /** Controls that are not in it, and why. */
  leftOut: Partial<Record<HeadName, string>>;
  seconds: number;
}

/** What is reported besides the questions themselves. */
export interface ReportInput {
  model: string;
  targetRisk: number;
  looks: readonly CertificateLook[];
  retrains: Record<string, number>;
  origin: readonly OriginTraining[];
  leftOut: ReplayReport["leftOut"];
  seconds: number;
}

/** Reports what was played. */
export function reportOf(played: Played, { model, targetRisk, looks, origin, ...rest }: ReportInput): ReplayReport {
  const rows = allRows(played);
  const byRegion = summariseBy(played, rows, (row) => played.region[row] as string);
  const judged = judgeLooks(played, looks);
  const gains = heads.flatMap((head) => {
    const found = head === "global" ? null : gainsOf(byRegion, head);
    return found ? [[head, found] as const] : [];
  });
  return {
    model,
    from: isoDay(played.at[0] as number),
    to: isoDay(played.at[played.rows - 1] as number),
    targetRisk,
    ...summarise(played, rows),
    byYear: summariseBy(played, rows, (row) => yearOf(played.at[row] as number)),
    byRegion,
    gains: Object.fromEntries(gains),
    certificates: {
      ...summariseLooks(judged),
      byYear: Object.fromEntries(
        [...Map.groupBy(judged, ({ year }) => year)].map(([year, group]) => [year, summariseLooks(group)]),
      ),
      byRegionAndYear: judged,
    },
    comparison: compare(played, rows),
    origin: [...origin],
    ...rest,
  };
}
