import { SingleBar } from "cli-progress";

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

function plainProgress(what: string, total: number): Progress {
  let printedAt = Date.now();
  return {
    update(done, note = "") {
      if (Date.now() - printedAt < lineEveryMs) return;
      printedAt = Date.now();
      console.error(`${what} ${Math.floor((100 * done) / total)}% ${note}`.trimEnd());
    },
    end() {},
  };
}
