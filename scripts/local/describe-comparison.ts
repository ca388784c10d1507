import { count, percent } from "#core/format.ts";
import type { Comparison } from "#origin/compare/index.ts";
import { formatTable } from "./output.ts";

/** Describes how the rungs of a model did beside other models. */
export function describeComparison({ loss, rows, copies, models, findings }: Comparison): string {
  const names = [...new Set(models.flatMap(({ figures }) => Object.keys(figures)))];
  const hasCopies = copies > 0;
  const note = hasCopies ? `, ${count(copies)} of which equal a row that was trained or validated on` : "";
  const table = models.map(({ name, loss: own, withoutCopies, figures }) => [
    ...[name, own.toFixed(4), ...names.map((figure) => figureText(figure, figures[figure] ?? null))],
    ...(hasCopies ? [withoutCopies?.toFixed(4) ?? "–"] : []),
  ]);
  const head = ["model", loss, ...names, ...(hasCopies ? [`${loss} without copies`] : [])];
  return [`Compared on ${count(rows)} rows${note}:`, formatTable([head, ...table]), ...findings].join("\n");
}

/** Figures in small letters are shares. */
function figureText(name: string, value: number | null): string {
  if (value === null) return "–";
  return /^[A-Z]/.test(name) ? value.toFixed(4) : percent(value);
}
