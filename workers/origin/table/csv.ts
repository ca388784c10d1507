import type { Readable } from "node:stream";
import { CsvError, parse } from "csv-parse";
import type { OnRows } from "./on-rows.ts";
import { Table, TableColumn } from "./table.ts";

const sampleBytes = 64 * 1024;
const reportEveryRows = 20_000;
const delimiters = [",", ";", "\t", "|"];

/** Reads CSV with a header, in UTF-8, UTF-16 or Windows-1252; the delimiter is the most frequent one of the header. */
export async function readCsv(source: string, bytes: Readable, isTabbed: boolean, onRows: OnRows): Promise<Table> {
  const { sample, rest } = await peek(source, bytes);
  const encoding = encodingOf(sample);
  const decoder = new TextDecoder(encoding);
  const delimiter = isTabbed ? "\t" : delimiterOf(new TextDecoder(encoding).decode(sample));
  const parser = parse({ bom: true, delimiter, skip_empty_lines: true, relax_quotes: true, trim: false });
  const columns: TableColumn[] = [];
  let rows = 0;
  const take = (record: string[]) => {
    if (columns.length === 0) columns.push(...headerOf(source, record));
    else {
      for (let i = 0; i < columns.length; i++) (columns[i] as TableColumn).add(record[i] as string);
      if (++rows % reportEveryRows === 0) onRows(rows);
    }
  };
  const drained = new Promise<void>((resolve, reject) => {
    parser.on("readable", () => {
      for (let record = parser.read(); record !== null; record = parser.read()) {
        try {
          take(record);
        } catch (error) {
          return void reject(error);
        }
      }
    });
    parser.on("error", reject);
    parser.on("end", resolve);
  });
  drained.catch(() => {});
  try {
    for await (const chunk of rest) {
      if (!parser.write(decoder.decode(chunk, { stream: true }))) await Promise.race([drainOf(parser), drained]);
    }
    parser.end(decoder.decode());
    await drained;
  } catch (cause) {
    throw new Error(describe(source, cause, columns.length), { cause });
  }
  if (columns.length === 0) throw new Error(`${source} is empty.`);
  if (rows === 0) throw new Error(`${source} has a header, but no rows.`);
  return new Table(columns);
}

function drainOf(parser: ReturnType<typeof parse>): Promise<void> {
  return new Promise((resolve) => parser.once("drain", resolve));
}

async function peek(source: string, bytes: Readable): Promise<{ sample: Uint8Array; rest: AsyncIterable<Uint8Array> }> {
  const iterator = bytes[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    while (length < sampleBytes) {
      const { value, done } = await iterator.next();
      if (done) break;
      chunks.push(value);
      length += value.length;
    }
  } catch (cause) {
    throw new Error(`${source} cannot be read: ${cause instanceof Error ? cause.message : cause}.`, { cause });
  }
  const rest = async function* () {
    yield* chunks;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  };
  return { sample: Buffer.concat(chunks), rest: rest() };
}

function encodingOf(sample: Uint8Array): string {
  if (sample[0] === 0xff && sample[1] === 0xfe) return "utf-16le";
  if (sample[0] === 0xfe && sample[1] === 0xff) return "utf-16be";
  try {
    // The sample may end within a character.
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(sample, { stream: true });
    return "utf-8";
  } catch {
    return "windows-1252";
  }
}

function delimiterOf(text: string): string {
  const header = (text.split(/\r?\n|\r/, 1)[0] ?? "").replace(/"[^"]*"/g, "");
  const count = (delimiter: string) => header.split(delimiter).length;
  return delimiters.reduce((best, one) => (count(one) > count(best) ? one : best));
}

function headerOf(source: string, names: readonly string[]): TableColumn[] {
  const trimmed = names.map((name, i) => name.trim() || `column_${i + 1}`);
  const twice = trimmed.find((name, i) => trimmed.indexOf(name) < i);
  if (twice !== undefined) throw new Error(`${source} has two columns '${twice}'. Rename one of them.`);
  return trimmed.map((name) => new TableColumn(name));
}

function describe(source: string, cause: unknown, columns: number): string {
  if (!(cause instanceof CsvError)) return cause instanceof Error ? cause.message : String(cause);
  const { code, lines, record } = cause as CsvError & { lines?: number; record?: string[] };
  if (code === "CSV_RECORD_INCONSISTENT_FIELDS_LENGTH") {
    const found = record?.length ?? 0;
    const [, expected = columns] = /expect (\d+)/.exec(cause.message) ?? [];
    return (
      `${source}, line ${lines}: ${found} ${found === 1 ? "value" : "values"}, but the header has ${expected} columns. ` +
      "Put text that contains the delimiter in double quotes, or complete the line."
    );
  }
  if (code === "CSV_QUOTE_NOT_CLOSED") {
    return `${source}: a double quote is opened and never closed (found at line ${lines}). Close it, or write "" for a quote within text.`;
  }
  return `${source}, line ${lines}: ${cause.message}.`;
}
