import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { OnRows } from "./on-rows.ts";
import { Table, TableColumn } from "./table.ts";
import { textOf } from "./text.ts";

const reportEveryRows = 20_000;

/** Reads one JSON object a line; its fields are the columns, and what is no plain value becomes JSON text. */
export async function readJsonLines(source: string, bytes: Readable, onRows: OnRows): Promise<Table> {
  const columns = new Map<string, TableColumn>();
  let rows = 0;
  let line = 0;
  for await (const text of createInterface({ input: bytes, crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (text.trim() === "") continue;
    const record = parseRecord(source, line, text);
    for (const [name, value] of Object.entries(record)) {
      let column = columns.get(name);
      if (!column) {
        column = new TableColumn(name);
        columns.set(name, column);
        for (let row = 0; row < rows; row++) column.add("");
      }
      column.add(textOf(value));
    }
    rows++;
    for (const column of columns.values()) if (column.rows < rows) column.add("");
    if (rows % reportEveryRows === 0) onRows(rows);
  }
  if (rows === 0) throw new Error(`${source} has no rows.`);
  return new Table([...columns.values()]);
}

function parseRecord(source: string, line: number, text: string): object {
  try {
    const record: unknown = JSON.parse(text);
    if (typeof record === "object" && record !== null && !Array.isArray(record)) return record;
  } catch {
    // Reported below.
  }
  throw new Error(
    `${source}, line ${line}: it is not a JSON object. Write one object a line, such as {"age":50,"label":"yes"}.`,
  );
}
