import { trainableRecipeSchema } from "#core/contract/index.ts";
import { dateOf, numberOf } from "#core/input/columns.ts";
import { readTable } from "../table/read.ts";
import type { LoadOptions, Row } from "./recipe.ts";
import { isComplete } from "./resolve.ts";
import { fieldsOf, TableRow } from "./rows.ts";
import document from "./temperature.recipe.json" with { type: "json" };

const dayMs = 24 * 3600_000;

/** Loads the days of the weather stations, each with the greatest temperature of the next day where that is in the file. */
export async function load({ file = "" }: LoadOptions): Promise<Row[]> {
  const table = await readTable(file);
  const recipe = trainableRecipeSchema.parse(document);
  if (!isComplete(recipe)) throw new Error("The recipe of 'temperature' is incomplete.");
  const instanceOf = fieldsOf(recipe, table);
  const [place, date, greatest] = ["Location", "Date", "MaxTemp"].map((name) => table.column(name));
  const days = Array.from({ length: table.rows }, (_, row) => ({
    region: place?.text(row) ?? "",
    at: dateOf(date?.text(row) ?? "") as number,
    number: numberOf(greatest?.text(row)),
  }));
  const byDay = new Map(days.map(({ region, at, number }) => [`${region}|${at}`, number]));
  const rows = days.flatMap(({ region, at }, row): Row[] => {
    const next = byDay.get(`${region}|${at + dayMs}`) ?? null;
    return next === null ? [] : [new TableRow(region, String(next), at, row, instanceOf)];
  });
  return rows.sort((a, b) => a.at - b.at || a.region.localeCompare(b.region));
}
