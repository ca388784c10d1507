import type { ClassifyManifest } from "#core/contract/index.ts";
import type { Recipe, Row } from "../recipes/index.ts";
import { isWithoutRows } from "../recipes/without-rows.ts";
import type { WeightedRow } from "./dataset.ts";

/** Loads a recipe's own rows from before a day (the recipe's `trainBefore` by default). Throws when there are none. */
export async function baseRows(
  recipe: Recipe,
  { before, file, onRows }: { before?: string | undefined; file?: string | undefined; onRows?: (rows: number) => void },
): Promise<Row[]> {
  if (isWithoutRows(recipe.document) && file === undefined) {
    throw new Error(
      `Recipe '${recipe.name}' has no rows of its own: the regions' questions train it, at the origin. ` +
        `Run: npx upriver train ${recipe.name} --learn`,
    );
  }
  const cut = before ?? recipe.trainBefore;
  const rows = (await recipe.load({ file, isChecked: true, ...(onRows ? { onRows } : {}) })).filter(
    ({ at }) => cut === null || at < Date.parse(cut),
  );
  if (rows.length === 0) throw new Error(`Recipe '${recipe.name}' has no rows before ${cut}. Choose a later day.`);
  return rows;
}

/** Counts the rows that a model was trained on by source and region, with their first and last day. */
export function countsOf(rows: readonly WeightedRow[]): ClassifyManifest["trainedOn"] {
  const count = (key: (row: WeightedRow) => string) => {
    const counts: Record<string, number> = {};
    for (const row of rows) counts[key(row)] = (counts[key(row)] ?? 0) + 1;
    return counts;
  };
  return {
    ...{ rows: rows.length, ...dateRangeOf(rows) },
    sources: count(({ source = "base" }) => source),
    regions: count(({ region }) => region),
  };
}

/** The first and the last day of some rows, as ISO dates. */
export interface DateRange {
  from: string;
  to: string;
}

/** Finds the first and the last day of rows. */
export function dateRangeOf(rows: readonly Row[]): DateRange {
  let [first, last] = [rows[0]?.at ?? 0, rows[0]?.at ?? 0];
  for (const { at } of rows) {
    first = Math.min(first, at);
    last = Math.max(last, at);
  }
  const day = (at: number) => new Date(at).toISOString().slice(0, 10);
  return { from: day(first), to: day(last) };
}

/** Takes rows at even distances, at most `limit` of them. */
export function sampleRows<T>(rows: readonly T[], limit: number): T[] {
  const step = Math.max(1, rows.length / Math.max(1, limit));
  return Array.from({ length: Math.floor(rows.length / step) }, (_, i) => rows[Math.floor(i * step)] as T);
}
