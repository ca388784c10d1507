import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import type { OnRows } from "./on-rows.ts";
import { Table, TableColumn } from "./table.ts";
import { textOf } from "./text.ts";

const sliceRows = 20_000;

/** Reads a Parquet file, in slices of rows; nested values become JSON text. */
export async function readParquet(source: string | ArrayBuffer, onRows: OnRows): Promise<Table> {
  const file = typeof source === "string" ? await asyncBufferFromFile(source) : source;
  const columns = new Map<string, TableColumn>();
  for await (const record of parquetRecords(file, onRows)) {
    for (const [name, value] of Object.entries(record)) {
      const column = columns.get(name) ?? new TableColumn(name);
      columns.set(name, column);
      column.add(textOf(typeof value === "bigint" ? Number(value) : value));
    }
  }
  if (columns.size === 0) throw new Error(`${typeof source === "string" ? source : "The file"} has no rows.`);
  return new Table([...columns.values()]);
}

/** Yields the records of a Parquet file, in order. */
export async function* parquetRecords(
  file: Parameters<typeof parquetMetadataAsync>[0],
  onRows: OnRows = () => {},
): AsyncGenerator<Record<string, unknown>> {
  const metadata = await parquetMetadataAsync(file);
  const rows = Number(metadata.num_rows);
  for (let rowStart = 0; rowStart < rows; rowStart += sliceRows) {
    const rowEnd = Math.min(rows, rowStart + sliceRows);
    yield* (await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors, utf8: false })) as Record<
      string,
      unknown
    >[];
    onRows(rowEnd);
  }
}
