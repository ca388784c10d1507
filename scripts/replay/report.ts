import type { NumberTask } from "#core/contract/index.ts";
import {
  type CertificateLook,
  type CertificateSummary,
  judgeLooks,
  judgeServed,
  type ServedWhileValid,
  type StationYear,
  summariseLooks,
} from "./certificates.ts";
import type { ChoiceReport } from "./choice.ts";
import { type Comparison, compare } from "./compare.ts";
import { isoDay, yearOf } from "./days.ts";
import type { OriginTraining } from "./learn-above.ts";
import { allRows, type HeadName, heads, type Played } from "./played.ts";
import { type Gains, gainsOf, type ReplaySummary, summarise, summariseBy } from "./summary.ts";

/** The report of a replay: all figures come from one run over the same questions. */
export interface ReplayReport extends ReplaySummary {
  model: string;
  /** The first and the last day; null where rows have no time. */
  from: string | null;
  to: string | null;
  /** The target risk of the accept rule. */
  targetRisk: number;
  /** Bins, tolerance and unit, where numbers are predicted; null where labels are. */
  number: NumberTask | null;
  byYear: Record<string, ReplaySummary>;
  byRegion: Record<string, ReplaySummary>;
  /** For each head, how its log-loss (of numbers, its mean absolute error) compares with the global head's by region. */
  gains: Partial<Record<HeadName, Gains>>;
  certificates: CertificateSummary & { byYear: Record<string, CertificateSummary>; byRegionAndYear: StationYear[] };
  /** The error of answers that came with a certificate: of their region, or of all regions together. */
  served: Record<"region" | "group", ServedWhileValid>;
  /** Null when some head scored nothing. */
  comparison: Comparison | null;
  /** The answers to questions with candidates, where the replay gave them. */
  choice?: ChoiceReport;
  /** Number of retrains by outcome. */
  retrains: Record<string, number>;
  /** The trainings at the origin. */
  origin: OriginTraining[];
  /** Controls that are left out, with the reason. */
  leftOut: Partial<Record<HeadName, string>>;
  seconds: number;
}

/** What a report needs besides the replayed questions. */
interface ReportInput {
  model: string;
  isTimed: boolean;
  targetRisk: number;
  looks: readonly CertificateLook[];
  retrains: Record<string, number>;
  origin: readonly OriginTraining[];
  leftOut: ReplayReport["leftOut"];
  choice?: ChoiceReport;
  seconds: number;
}

/** Reports on replayed questions. */
export function reportOf(played: Played, { model, isTimed, looks, origin, ...rest }: ReportInput): ReplayReport {
  const rows = allRows(played);
  const byRegion = summariseBy(played, rows, (row) => played.region[row] as string);
  const judged = judgeLooks(played, looks);
  const gains = heads.flatMap((head) => {
    const found = head === "global" ? null : gainsOf(byRegion, head);
    return found ? [[head, found] as const] : [];
  });
  return {
    model,
    from: isTimed ? isoDay(played.at[0] as number) : null,
    to: isTimed ? isoDay(played.at[played.rows - 1] as number) : null,
    ...summarise(played, rows),
    number: played.number ?? null,
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
    served: {
      region: judgeServed(played, "region", rest.targetRisk, yearOf),
      group: judgeServed(played, "group", rest.targetRisk, yearOf),
    },
    // The ladder has no scores of labels that no question could be answered with.
    comparison: rest.choice ? null : compare(played, rows),
    origin: [...origin],
    ...rest,
  };
}
