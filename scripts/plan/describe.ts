import { count } from "#core/format.ts";
import { formatTable } from "../local/output.ts";
import type { PlanFacts } from "./facts.ts";
import type { PlannedRung } from "./rules.ts";

/** Describes what a recipe's model needs on each rung, and whether that is there. */
export function describePlanned(facts: PlanFacts, rungs: readonly PlannedRung[]): string {
  const { recipe, model, data, operations, networks, ladder } = facts;
  const rows = Object.entries(networks).map(([name, { bytes, memoryBytes, ms, width }]) => [
    ...[`  ${name}`, (bytes / 1000).toFixed(1), (memoryBytes / 1000).toFixed(1), ms?.toFixed(3) ?? null, width],
  ]);
  const asked =
    operations.questionsPerDay === null ? "" : `, ${count(Math.round(operations.questionsPerDay))} questions a day`;
  const kept = data.samples === null ? "" : `, ${count(data.samples)} samples kept`;
  const parts = rungs.map(({ rung, verdict, network, reasons, open }) =>
    [
      `${rung}: ${verdict ?? "not known"}, runs ${network}`,
      ...reasons.map((one) => `  ${one.verdict}: ${one.text}`),
      ...open.map((text) => `  not known: ${text}`),
    ].join("\n"),
  );
  return [
    `${recipe}: ${model}; ${count(data.rows)} rows${kept}${asked}`,
    ...(ladder === null ? [] : [`no running ladder is known: ${ladder}`]),
    formatTable([["  network", "kB", "kB in memory", "ms here", "embedding"], ...rows]),
    ...parts,
  ].join("\n");
}
