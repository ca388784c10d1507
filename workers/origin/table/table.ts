import { numberOf } from "#core/input/columns.ts";

/** A column with more different values than this, all of them numbers, is kept as numbers. */
const listedMax = 20_000;
const startRows = 1_024;

/** Texts that stand for a missing value, besides the empty one. */
const missingTexts = new Set([
  ...["NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "NAN"],
  ...["null", "NULL", "Null", "None", "nil", "?", "."],
]);

/** Whether a text stands for a missing value. */
export function isMissingText(text: string): boolean {
  return text === "" || missingTexts.has(text);
}

/** A column of texts, one for each row: a code for each different value, or numbers where there are too many. */
export class TableColumn {
  readonly name: string;
  rows = 0;
  private codes: Uint32Array = new Uint32Array(startRows);
  private texts: string[] = [];
  private known: Map<string, number> | null = new Map();
  private numbers: Float64Array | null = null;
  private readonly exceptions = new Map<number, string>();
  private hasText = false;

  constructor(name: string) {
    this.name = name;
  }

  add(text: string): void {
    const row = this.rows++;
    if (this.numbers) {
      this.addNumber(row, text);
      return;
    }
    if (row === this.codes.length) this.codes = grown(this.codes, Uint32Array);
    const { known, texts } = this;
    let code = known?.get(text);
    if (code === undefined) {
      code = texts.length;
      texts.push(text);
      known?.set(text, code);
      this.hasText ||= !isMissingText(text) && !isPlainNumber(text);
    }
    this.codes[row] = code;
    if (texts.length > listedMax && !this.hasText) this.keepNumbers();
  }

  /** Ends the adding of rows: frees what only adding needs. */
  close(): void {
    this.known = null;
    if (this.numbers) this.numbers = this.numbers.slice(0, this.rows);
    else this.codes = this.codes.slice(0, this.rows);
  }

  /** The text of a row as it was read; of a long column of numbers, the shortest text of the number. */
  text(row: number): string {
    if (!this.numbers) return this.texts[this.codes[row] as number] as string;
    const number = this.numbers[row] as number;
    return Number.isNaN(number) ? (this.exceptions.get(row) ?? "") : String(number);
  }

  /** The number of a row; NaN for a missing value or for text. */
  number(row: number): number {
    return this.numbers ? (this.numbers[row] as number) : (numberOf(this.text(row)) ?? Number.NaN);
  }

  /** Counts the rows of each text. Of a long column of numbers only the texts that are none are counted. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    if (this.numbers) {
      for (const text of this.exceptions.values()) counts.set(text, (counts.get(text) ?? 0) + 1);
      return counts;
    }
    const perCode = new Uint32Array(this.texts.length);
    for (let row = 0; row < this.rows; row++) {
      const code = this.codes[row] as number;
      perCode[code] = (perCode[code] as number) + 1;
    }
    for (const [code, text] of this.texts.entries()) counts.set(text, perCode[code] as number);
    return counts;
  }

  /** Whether the column has so many different numbers that they are not listed. */
  get isLong(): boolean {
    return this.numbers !== null;
  }

  /** Finds the first rows, counted from 1, whose text has a property. */
  rowsWhere(matches: (text: string) => boolean, max = 3): number[] {
    const found: number[] = [];
    const perText = new Map<string, boolean>();
    for (let row = 0; row < this.rows && found.length < max; row++) {
      const text = this.text(row);
      let isMatch = perText.get(text);
      if (isMatch === undefined) {
        isMatch = matches(text);
        if (!this.numbers) perText.set(text, isMatch);
      }
      if (isMatch) found.push(row + 1);
    }
    return found;
  }

  private addNumber(row: number, text: string): void {
    let numbers = this.numbers as Float64Array;
    if (row === numbers.length) numbers = this.numbers = grown(numbers, Float64Array);
    const number = isPlainNumber(text) ? Number(text) : Number.NaN;
    numbers[row] = number;
    if (Number.isNaN(number) && text !== "") this.exceptions.set(row, text);
  }

  private keepNumbers(): void {
    const numbers = new Float64Array(this.codes.length);
    for (let row = 0; row < this.rows; row++) {
      const text = this.texts[this.codes[row] as number] as string;
      numbers[row] = isMissingText(text) ? Number.NaN : Number(text);
      if (isMissingText(text) && text !== "") this.exceptions.set(row, text);
    }
    this.numbers = numbers;
    this.codes = new Uint32Array();
    this.texts = [];
    this.known = null;
  }
}

/** Rows and named columns, read from a file. */
export class Table {
  readonly columns: TableColumn[];
  /** The files of a column of images, by row. */
  readonly images: ImageFiles | null;

  constructor(columns: TableColumn[], images: ImageFiles | null = null) {
    this.columns = columns;
    this.images = images;
    for (const column of columns) column.close();
  }

  get rows(): number {
    return this.columns[0]?.rows ?? 0;
  }

  /** Finds a column. Throws, listing the columns, when there is none of that name. */
  column(name: string): TableColumn {
    const column = this.columns.find((one) => one.name === name);
    if (column) return column;
    const near = this.columns.find((one) => one.name.trim().toLowerCase() === name.trim().toLowerCase());
    const hint = near ? ` Did you mean '${near.name}'?` : "";
    throw new Error(
      `There is no column '${name}'.${hint} The columns are: ${this.columns.map((one) => one.name).join(", ")}.`,
    );
  }
}

/** Reads the pixels of a folder's images. */
export interface ImageFiles {
  paths: readonly string[];
}

// A leading zero marks a code, such as a post code, not a number.
function isPlainNumber(text: string): boolean {
  return !/^\s*[+-]?0\d/.test(text) && numberOf(text) !== null;
}

function grown<T extends Uint32Array | Float64Array>(values: T, Type: new (length: number) => T): T {
  const larger = new Type(values.length * 2);
  larger.set(values as never);
  return larger;
}
