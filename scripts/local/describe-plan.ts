import { textCuts, usualCuts } from "#core/confidence/splits.ts";
import { count, percent } from "#core/format.ts";
import type { ColumnFinding } from "#origin/recipes/infer-column.ts";
import type { NumberSummary, Plan } from "#origin/recipes/plan.ts";
import { hasNgrams } from "#origin/recipes/text-input.ts";

const linesMax = 25;
const namedMax = 8;
const lineMaxChars = 160;

/** Describes a new recipe and why it is as it is, in at most 25 lines. */
export function describePlan(plan: Plan, source: string): string {
  const { document, rows, columns, warnings } = plan;
  const { name } = document;
  const head = [
    `${name}: ${count(rows)} rows of ${source}. Recipe: ${name}.recipe.json`,
    plan.numbers ? line("numbers", numbersText(plan, plan.numbers)) : line("labels", labelsText(plan)),
    line("regions", regionsText(plan)),
    ...columnLines(plan),
    ...ignoredLine(columns),
    ...leakLine(columns),
    line("delay", delayText(plan)),
    line("splits", splitsText(plan)),
    line("risk", riskText(plan)),
  ];
  const last = `Next: npx upriver train ${name}`;
  const room = linesMax - head.length - 1;
  const shown = warnings.slice(0, warnings.length > room ? room - 1 : room).map((text) => line("warning", text));
  const more =
    warnings.length > shown.length ? [line("warning", `${warnings.length - shown.length} more; --json lists all`)] : [];
  return [...head, ...shown, ...more, last].join("\n");
}

function line(title: string, text: string): string {
  return `  ${title.padEnd(9)} ${text}`;
}

function numbersText({ document: { label, unit } }: Plan, { least, median, greatest }: NumberSummary): string {
  return `${label.column}: from ${least} to ${greatest}${unitText(unit)}, half of them below ${median}`;
}

function unitText(unit: string | undefined): string {
  return unit === undefined ? "" : ` ${unit}`;
}

function labelsText({ labels, document }: Plan): string {
  const total = labels.reduce((n, [, rows]) => n + rows, 0);
  const shown = labels.slice(0, namedMax).map(([label, rows]) => `${label} ${percent(rows / total)}`);
  const more = labels.length > namedMax ? [`and ${labels.length - namedMax} more`] : [];
  return `${document.label.column}: ${[...shown, ...more].join(", ")}`;
}

function regionsText({ regions, document: { region } }: Plan): string {
  if (typeof region !== "object" || region.name === undefined)
    return "one, for all questions (--region names a column)";
  const shown = regions.slice(0, namedMax).map(([name, rows]) => `${name} ${count(rows)}`);
  const more = regions.length > namedMax ? [`and ${regions.length - namedMax} more`] : [];
  const others =
    region.keys === "any"
      ? `new ones open, ${region.openPerTokenPerDay} a day for each token`
      : `'${region.parent}' answers for others, with a warning`;
  return `${region.name}: ${regions.length} (${[...shown, ...more].join(", ")}); ${others}`;
}

function columnLines({ columns, document: { input, time } }: Plan): string[] {
  if (input.kind === "image")
    return [line("images", `${input.size.join(" × ")} pixels, ${input.channels === 1 ? "grey" : "colour"}`)];
  const used = columns.filter(({ plan }) => plan !== null);
  const byType = Map.groupBy(used, ({ plan }) => plan?.type as string);
  const lines = [...byType].map(([type, some]) => line(type, namesOf(some)));
  return time === undefined ? lines : [...lines, line("date", `${time} (the time)`)];
}

function namesOf(columns: readonly ColumnFinding[]): string {
  let text = "";
  for (const [i, { name, missing }] of columns.entries()) {
    const next = missing > 0 ? `${name} (${count(missing)} missing)` : name;
    if (text.length + next.length > lineMaxChars) return `${text} and ${columns.length - i} more`;
    text = text === "" ? next : `${text}, ${next}`;
  }
  return text;
}

function ignoredLine(columns: readonly ColumnFinding[]): string[] {
  const ignored = columns.filter((column) => column.ignored !== null);
  if (ignored.length === 0) return [];
  const texts = ignored.slice(0, namedMax).map(({ name, ignored: why }) => `${name} (${why})`);
  return [
    line("ignored", texts.join(", ") + (ignored.length > namedMax ? ` and ${ignored.length - namedMax} more` : "")),
  ];
}

function leakLine(columns: readonly ColumnFinding[]): string[] {
  const leaks = columns.filter(({ leak }) => leak !== null);
  if (leaks.length === 0) return [];
  const texts = leaks.map(({ name, leak }) => `${name} (${percent(leak as number)})`);
  return [
    line(
      "leaks?",
      `${texts.join(", ")}: alone right about the label. Remove it from the recipe unless it is known when asked`,
    ),
  ];
}

function delayText({ document: { labelDelayDays, time } }: Plan): string {
  const days = labelDelayDays === 1 ? "1 day" : `${labelDelayDays} days`;
  return time === undefined ? "none: a label may come at once" : `a label is known after ${days} (labelDelayDays)`;
}

function splitsText({ document: { groupBy, input, time, trainBefore } }: Plan): string {
  const { train, validation } = hasNgrams(input) ? textCuts : usualCuts;
  const of = (share: number) => `${Math.round(100 * share)}%`;
  const shares = `${of(train)} train, ${of(validation - train)} validation, ${of(1 - validation)} calibration`;
  if (time === undefined || groupBy?.by !== "time")
    return `${shares}, equal rows together: rows are exchangeable without --time`;
  const block =
    groupBy.days < 1 ? `${Math.round(24 * groupBy.days)} h` : groupBy.days === 1 ? "1 day" : `${groupBy.days} days`;
  return `blocks of ${block}: ${shares} or more, the last blocks to test; rows from ${trainBefore} on are kept for the replay`;
}

function riskText({ document: { risk, tolerance, unit }, labels, numbers }: Plan): string {
  if (numbers) {
    const always = `always ${numbers.median} would be ${percent(1 - numbers.withinOfMedian)} wrong`;
    return `at most ${percent(risk?.target ?? 0.05)} of accepted answers more than ${tolerance}${unitText(unit)} off; ${always}`;
  }
  const total = labels.reduce((n, [, rows]) => n + rows, 0);
  const always = 1 - (labels[0]?.[1] ?? 0) / total;
  return `at most ${percent(risk?.target ?? 0.05)} of accepted answers wrong; always '${labels[0]?.[0]}' would be ${percent(always)} wrong`;
}
