import type { TrainableDocument } from "#core/contract/index.ts";
import { regionMaxChars } from "#core/contract/index.ts";
import { dateOf } from "#core/input/columns.ts";
import type { Table, TableColumn } from "../table/table.ts";
import { checkNumbers, isQuantity } from "./check-numbers.ts";
import type { Checked, DataFault } from "./checked.ts";
import { isNoLabel, rowsText } from "./rows.ts";

const minRows = 20;
const minLabelRows = 5;
const namedMax = 6;

/** Checks the columns of a table that decide what is learned: label, region and time. */
export function checkTable(
  document: Pick<TrainableDocument, "label" | "region" | "time"> & Partial<Pick<TrainableDocument, "task">>,
  table: Table,
): Checked {
  const { task, label, region, time } = document;
  const own = typeof label === "string" ? { column: label } : label;
  const column = table.column(own.column);
  const all: Checked[] = [task === "regress" ? checkNumbers(column, own) : checkLabels(column, own)];
  const regionName = typeof region === "string" ? region : region?.name;
  if (regionName !== undefined && (typeof region !== "object" || region.from === "field")) {
    all.push(checkRegions(table.column(regionName)));
  }
  if (time !== undefined) all.push(checkTimes(table.column(time)));
  return { faults: all.flatMap(({ faults }) => faults), warnings: all.flatMap(({ warnings }) => warnings) };
}

/** Throws an error with every fault, if there is one. */
export function refuseFaults(source: string, { faults }: Checked): void {
  if (faults.length === 0) return;
  const repairs = faults.some(({ repair }) => repair !== null)
    ? ["Correct the file, or let the recipe do it: npx upriver new … --repair."]
    : ["Correct the file, then try again."];
  throw new Error([`${source} cannot be trained on:`, ...faults.map(({ text }) => `  ${text}`), ...repairs].join("\n"));
}

type LabelPlan = Exclude<TrainableDocument["label"], string>;

function checkLabels(column: TableColumn, label: LabelPlan): Checked {
  const { values, aliases = {}, drop = [] } = label;
  const faults: DataFault[] = [];
  const warnings: string[] = [];
  const { name } = column;
  const counts = [...column.counts()].filter(([text]) => !isNoLabel(text) && !drop.includes(text));
  if (isQuantity(column, label)) {
    const found = column.isLong ? "thousands of" : counts.length;
    const text = `'${name}' has ${found} different numbers. Predict them as numbers, with "task": "regress" in the recipe, or choose a label with few values.`;
    return { faults: [{ text, repair: null }], warnings };
  }
  const empty = column.rows - [...column.counts()].reduce((n, [text, rows]) => (isNoLabel(text) ? n : n + rows), 0);
  if (empty > 0) {
    const where = rowsText(column, isNoLabel, empty);
    warnings.push(`'${name}' is empty in ${where}: left out. Fill in the label to train on them.`);
  }
  const labelled = counts.reduce((n, [, rows]) => n + rows, 0);
  if (labelled < minRows) {
    const text = `There are ${labelled} rows with a label; at least ${minRows} are needed. Add rows.`;
    faults.push({ text, repair: null });
  }
  const merged = new Map<string, number>();
  for (const [spelling, spellings] of Map.groupBy(counts, ([text]) => normalOf(aliases[text] ?? text))) {
    const [main, ...others] = [...spellings].sort((a, b) => b[1] - a[1]) as [[string, number], ...[string, number][]];
    const label = main[0].trim();
    merged.set(
      spelling,
      spellings.reduce((n, [, rows]) => n + rows, 0),
    );
    const wrong = spellings.filter(([text]) => (aliases[text] ?? text) !== label && !values?.includes(text));
    if (others.length === 0 && wrong.length === 0) continue;
    if (wrong.length === 0) continue;
    const listed = spellings.map(([text, n]) => `'${text}' (${rowsText(column, (one) => one === text, n)})`);
    faults.push({
      text: `'${name}' spells one label in ${listed.length === 1 ? "an odd way" : `${listed.length} ways`}: ${listed.join(", ")}. Write '${label}' in all of them.`,
      repair: { aliases: Object.fromEntries(wrong.map(([text]) => [text, label])) },
    });
  }
  if (merged.size === 1) {
    const text = `'${name}' has a single label, '${counts[0]?.[0].trim()}'. There is nothing to tell apart: add rows with another label.`;
    faults.push({ text, repair: null });
  }
  if (merged.size > 2 || labelled >= minRows) faults.push(...rareLabels(column, counts, merged, aliases));
  return { faults, warnings };
}

function rareLabels(
  column: TableColumn,
  counts: readonly (readonly [string, number])[],
  merged: ReadonlyMap<string, number>,
  aliases: Record<string, string>,
): DataFault[] {
  const rare = counts.filter(([text]) => (merged.get(normalOf(aliases[text] ?? text)) ?? 0) < minLabelRows);
  if (rare.length === 0 || merged.size < 2) return [];
  const isEnough = [...merged.values()].filter((n) => n >= minLabelRows).length >= 2;
  const listed = rare
    .slice(0, namedMax)
    .map(([text, n]) => `'${text}' (${rowsText(column, (one) => one === text, n)})`);
  const rest = rare.length > namedMax ? ` and ${rare.length - namedMax} more` : "";
  const labels = rare.length === 1 ? "a label" : `${rare.length} labels`;
  const text = `'${column.name}' has ${labels} with fewer than ${minLabelRows} rows: ${listed.join(", ")}${rest}. Add rows, or leave the label out.`;
  return [{ text, repair: isEnough ? { drop: rare.map(([label]) => label) } : null }];
}

function checkRegions(column: TableColumn): Checked {
  const { name, rows } = column;
  const counts = [...column.counts()];
  const warnings: string[] = [];
  const faults: DataFault[] = [];
  const isLong = (text: string) => [...text.trim()].length > regionMaxChars;
  const long = counts.filter(([text]) => isLong(text));
  if (long.length > 0) {
    const where = rowsText(column, isLong, long.length);
    faults.push({
      text: `'${name}' has regions of more than ${regionMaxChars} characters (${where}). Shorten them.`,
      repair: null,
    });
  }
  const hasControl = (text: string) => /\p{Cc}/u.test(text.trim());
  if (counts.some(([text]) => hasControl(text))) {
    const where = rowsText(column, hasControl, 1);
    faults.push({
      text: `'${name}' has regions with line breaks or control characters (${where}). Remove them.`,
      repair: null,
    });
  }
  const empty = counts.reduce((n, [text, one]) => (text.trim() === "" ? n + one : n), 0);
  if (empty > 0)
    warnings.push(
      `'${name}' is empty in ${rowsText(column, (text) => text.trim() === "", empty)}: they count for no region.`,
    );
  if (column.isLong || counts.length > rows / 4) {
    const n = column.isLong ? "thousands of" : counts.length;
    warnings.push(
      `'${name}' has ${n} regions for ${rows} rows: hardly any of them will have the labels for a head of its own.`,
    );
  }
  const spellings = [...Map.groupBy(counts, ([text]) => normalOf(text)).values()].filter(
    (some) => new Set(some.map(([text]) => text.trim())).size > 1,
  );
  if (spellings.length > 0) {
    const listed = (spellings[0] as [string, number][]).map(([text]) => `'${text}'`).join(", ");
    warnings.push(
      `'${name}' spells regions in several ways, such as ${listed}: each is a region of its own. Write one.`,
    );
  }
  return { faults, warnings };
}

function checkTimes(column: TableColumn): Checked {
  const { name } = column;
  if (column.isLong) return { faults: [], warnings: [] };
  const isUnread = (text: string) => {
    const at = dateOf(text);
    return at === null || at < 0;
  };
  const counts = [...column.counts()];
  const unread = counts.reduce((n, [text, rows]) => (isUnread(text) ? n + rows : n), 0);
  if (unread > 0) {
    const [row = 1] = column.rowsWhere(isUnread, 1);
    const where = rowsText(column, isUnread, unread);
    const text = `'${name}' has ${unread === 1 ? "a date that cannot" : `${unread} dates that cannot`} be read: ${where}, such as '${column.text(row - 1)}'. Write dates as 2026-01-31 or 2026-01-31T12:00:00Z.`;
    return { faults: [{ text, repair: null }], warnings: [] };
  }
  const days = new Set(counts.map(([text]) => new Date(dateOf(text) as number).toISOString().slice(0, 10)));
  if (days.size > 1) return { faults: [], warnings: [] };
  const text = `'${name}': all rows are on one day, ${[...days][0]}, so no later day can test what is learned. Leave out --time, or add days.`;
  return { faults: [{ text, repair: null }], warnings: [] };
}

function normalOf(text: string): string {
  return text.normalize("NFKC").trim().replace(/\s+/g, " ").toLowerCase();
}
