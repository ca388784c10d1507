import { count, percent } from "#core/format.ts";
import type { Comparison } from "#origin/compare/index.ts";
import { formatTable } from "./output.ts";

/** Describes how the rungs of a model did beside other models. */
export function describeComparison({ rows, copies, models, findings }: Comparison): string {
  const hasCopies = copies > 0;
  const head = ["model", "log-loss", "AUC", "PR-AUC", "accuracy", ...(hasCopies ? ["log-loss without copies"] : [])];
  const table = models.map(({ name, metrics, averagePrecision, withoutCopies }) => [
    ...[name, metrics.logLoss.toFixed(4), metrics.auc?.toFixed(4) ?? "–", averagePrecision?.toFixed(4) ?? "–"],
    ...[percent(metrics.accuracy), ...(hasCopies ? [withoutCopies?.toFixed(4) ?? "–"] : [])],
  ]);
  const note = hasCopies ? `, ${count(copies)} of which equal a row that was trained or validated on` : "";
  return [`Compared on ${count(rows)} rows${note}:`, formatTable([head, ...table]), ...findings].join("\n");
}
