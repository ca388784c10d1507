import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileWriter, ParquetWriter, schemaFromColumnData } from "hyparquet-writer";
import type { Recipe } from "../recipes/index.ts";
import { planInput } from "../train/columns.ts";
import { withBins } from "../train/numbers.ts";
import type { Part, RowsBySplit } from "../train/splits.ts";
import { type ExportColumn, type ExportRow, exportColumns } from "./columns.ts";

/** The folder that was written, and its rows by split. */
export interface ExportSummary {
  folder: string;
  rows: Record<Part, number>;
}

const rowGroupRows = 10_000;

/**
 * Writes a training set for any trainer: `set.parquet` with one row for each instance, its label, region, weight and split;
 * `input.json`, which says how an instance becomes the networks' inputs, fitted on the training rows; `dataset.json`, which
 * describes the columns.
 */
export async function exportSet(
  given: Recipe,
  splits: Pick<RowsBySplit, Part>,
  folder: string,
): Promise<ExportSummary> {
  const recipe = withBins(given, splits.train);
  await mkdir(folder, { recursive: true });
  const inputs = {
    full: planInput(recipe.full.input, splits.train),
    thin: planInput(recipe.thin.input, splits.train),
  };
  const columns = exportColumns(inputs.full);
  const rows: ExportRow[] = (["train", "validation", "calibration", "latest"] as const).flatMap((split) =>
    splits[split].map((row) => ({ row, split })),
  );
  const path = join(folder, "set.parquet");
  await writeRows(`${path}.part`, columns, rows);
  // Renamed into place, so that an interrupted export never passes for a training set.
  await rename(`${path}.part`, path);
  const counts = {
    train: splits.train.length,
    validation: splits.validation.length,
    calibration: splits.calibration.length,
    latest: splits.latest.length,
  };
  const dataset = {
    recipe: recipe.name,
    labels: recipe.labels,
    ...(recipe.number ? { number: recipe.number } : {}),
    regions: recipe.policy.regions,
    rows: counts,
    columns: columns.map(({ name, type, nullable, description }) => ({ name, type, nullable, description })),
  };
  await writeFile(join(folder, "input.json"), JSON.stringify(inputs, null, 2));
  await writeFile(join(folder, "dataset.json"), JSON.stringify(dataset, null, 2));
  return { folder, rows: counts };
}

async function writeRows(path: string, columns: readonly ExportColumn[], rows: readonly ExportRow[]): Promise<void> {
  const dataOf = (group: readonly ExportRow[]) =>
    columns.map(({ name, type, nullable, read }) => ({ name, type, nullable, data: group.map(read) }));
  const writer = new ParquetWriter({
    writer: fileWriter(path),
    schema: schemaFromColumnData({ columnData: dataOf([]) }),
  });
  for (let first = 0; first < rows.length; first += rowGroupRows) {
    const group = rows.slice(first, first + rowGroupRows);
    await writer.write({ columnData: dataOf(group), rowGroupSize: rowGroupRows });
  }
  await writer.finish();
}
