import { SingleBar } from "cli-progress";
import { count } from "#core/format.ts";

/** Prints a command's result: one JSON object with --json, else lines of text. */
export function printResult(isJson: boolean | undefined, result: object, lines: () => string): void {
  console.log(isJson ? JSON.stringify(result) : lines());
}

/** Formats rows as aligned columns; the first row is the header. */
export function formatTable(rows: readonly (readonly (string | number | null)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => (cell === null ? "–" : String(cell))));
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ?? [];
  return cells
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** The width that text is wrapped to where no terminal says another. */
const plainColumns = 100;

/** Returns how many characters a line of the terminal has. */
export function terminalColumns(): number {
  return process.stdout.columns ?? plainColumns;
}

/** Wraps a text between words into indented lines of at most `columns` characters. */
export function wrap(text: string, columns: number, indent = "    "): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined) lines.push(indent + word);
    else if (line.length + 1 + word.length <= columns) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(`${indent}  ${word}`);
  }
  return lines;
}

const rowsEveryMs = 2_000;

/** Returns what reports on stderr how many rows of a source have been read, every two seconds. */
export function rowReporter(source: string): (rows: number) => void {
  let reportedAt = Date.now();
  return (rows) => {
    if (Date.now() - reportedAt < rowsEveryMs) return;
    reportedAt = Date.now();
    console.error(`reading ${source}: ${count(rows)} rows`);
  };
}

/** Progress on stderr. */
export interface Progress {
  update(done: number, note?: string): void;
  end(): void;
}

const lineEveryMs = 10_000;

/** Shows progress: as a bar on a terminal, else as a line every ten seconds. */
export function showProgress(what: string, total: number): Progress {
  if (!process.stderr.isTTY) return plainProgress(what, total);
  const format = `${what} {bar} {percentage}% {note} ({eta_formatted} left)`;
  const bar = new SingleBar({ format, stream: process.stderr, hideCursor: true });
  bar.start(total, 0, { note: "" });
  return { update: (done, note = "") => bar.update(done, { note }), end: () => bar.stop() };
}

function remaining(ms: number): string {
  return ms < 100_000 ? `${Math.ceil(ms / 1_000)} s` : `${Math.ceil(ms / 60_000)} min`;
}

function plainProgress(what: string, total: number): Progress {
  const startedAt = Date.now();
  let printedAt = startedAt;
  return {
    update(done, note = "") {
      if (Date.now() - printedAt < lineEveryMs) return;
      printedAt = Date.now();
      const left =
        done > 0 && !note.includes(" left")
          ? `, about ${remaining(((printedAt - startedAt) * (total - done)) / done)} left`
          : "";
      console.error(`${what} ${Math.floor((100 * done) / total)}%${left} ${note}`.trimEnd());
    },
    end() {},
  };
}
