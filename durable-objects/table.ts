/** How the values of a column are written to SQLite and read from it. `T` is what the code sees. */
export interface StoredColumn<T> {
  encode(value: T): SqlStorageValue;
  decode(stored: SqlStorageValue): T;
}

/** A column that an insert may leave out: it is null, or the schema gives it a value. */
export interface OptionalColumn<T> extends StoredColumn<T> {
  isOptional: true;
  isNullable?: true;
}

/** A column that SQLite stores as it is; `T` may be narrower, such as a union of strings. */
export function plain<T extends SqlStorageValue>(): StoredColumn<T> {
  return { encode: (value) => value, decode: (stored) => stored as T };
}

export const text = <T extends string = string>(): StoredColumn<T> => plain<T>();
export const number = (): StoredColumn<number> => plain<number>();
export const bytes = (): StoredColumn<ArrayBuffer> => plain<ArrayBuffer>();
export const flag = (): StoredColumn<boolean> => ({ encode: Number, decode: Boolean });
/** A quantised vector, stored as its bytes. */
export const vector = (): StoredColumn<Int16Array<ArrayBuffer>> => ({
  encode: (value) => value.buffer,
  decode: (stored) => new Int16Array(stored as ArrayBuffer),
});
/** A value that is stored as JSON. */
export const json = <T>(): StoredColumn<T> => ({
  encode: JSON.stringify,
  decode: (stored) => JSON.parse(stored as string),
});

export function nullable<T>({ encode, decode }: StoredColumn<T>): OptionalColumn<T | null> {
  return {
    isOptional: true,
    isNullable: true,
    encode: (value) => (value === null ? null : encode(value)),
    decode: (stored) => (stored === null ? null : decode(stored)),
  };
}

/** A column whose value the schema gives when an insert leaves it out: a default, or a new number. */
export function defaulted<T>(column: StoredColumn<T>): OptionalColumn<T> {
  return { encode: column.encode, decode: column.decode, isOptional: true };
}

// biome-ignore lint/suspicious/noExplicitAny: columns of different types stand in one table.
type Columns = Record<string, StoredColumn<any>>;
type ValueOf<C> = C extends StoredColumn<infer T> ? T : never;
type OptionalNames<C extends Columns> = {
  [Name in keyof C]: C[Name] extends OptionalColumn<ValueOf<C[Name]>> ? Name : never;
}[keyof C];
type Row<C extends Columns> = { [Name in keyof C]: ValueOf<C[Name]> };

/** A row as it is read. */
export type RowOf<T> = T extends Table<infer C> ? Row<C> : never;
/** A row as it is written. */
type NewRow<C extends Columns> = Omit<Row<C>, OptionalNames<C>> & Partial<Row<C>>;

/** What an insert does where a row with the same key exists. */
type OnConflict = "fail" | "ignore" | "replace";

/** A table, declared once: rows are objects, and SQL names only conditions and orders. */
export class Table<C extends Columns> {
  readonly name: string;
  readonly columns: C;
  private readonly entries: [name: string, column: StoredColumn<unknown> & { isNullable?: true }][];
  /** Statements by what they do and which columns they give: most of a table give the same ones. */
  private readonly statements = new Map<string, string>();
  private readonly selected: string;

  constructor(name: string, columns: C) {
    this.name = name;
    this.columns = columns;
    this.entries = Object.entries(columns);
    this.selected = `SELECT ${this.entries.map(([column]) => `${name}.${column}`).join(", ")} FROM ${name}`;
  }

  /** Inserts a row, under a number of SQLite's unless one is given; false where one with the same key exists and stays. */
  insert(sql: SqlStorage, row: NewRow<C>, onConflict: OnConflict = "fail", rowid?: number): boolean {
    // A column that is left out is null.
    const { given, values } = this.encode(row, true);
    if (rowid !== undefined) values.push(rowid);
    const query = this.statement(`${onConflict} ${rowid !== undefined} ${given}`, () => {
      const names = [...this.namesOf(given), ...(rowid === undefined ? [] : ["rowid"])];
      const verb = onConflict === "fail" ? "INSERT" : `INSERT OR ${onConflict.toUpperCase()}`;
      return `${verb} INTO ${this.name} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
    });
    return sql.exec(query, ...values).rowsWritten > 0;
  }

  /** Returns the rows that a clause selects ("WHERE id = ? ORDER BY id"). They are read one by one. */
  *select(sql: SqlStorage, clause: string, ...values: SqlStorageValue[]): Generator<Row<C>> {
    // Naming each value of each row would cost more than reading it.
    for (const row of sql.exec(`${this.selected} ${clause}`, ...values).raw()) yield this.decode(row);
  }

  /** Returns the first row that a clause selects; null where there is none. */
  first(sql: SqlStorage, clause: string, ...values: SqlStorageValue[]): Row<C> | null {
    const { value: row } = sql
      .exec(`${this.selected} ${clause} LIMIT 1`, ...values)
      .raw()
      .next();
    return row ? this.decode(row) : null;
  }

  /** Sets columns of the rows that a clause selects. */
  update(sql: SqlStorage, changes: Partial<Row<C>>, clause: string, ...values: SqlStorageValue[]): void {
    const { given, values: set } = this.encode(changes, false);
    const query = this.statement(`${clause} ${given}`, () => {
      const names = this.namesOf(given).map((name) => `${name} = ?`);
      return `UPDATE ${this.name} SET ${names.join(", ")} ${clause}`;
    });
    sql.exec(query, ...set, ...values);
  }

  /** Deletes the rows that a clause selects. */
  delete(sql: SqlStorage, clause: string, ...values: SqlStorageValue[]): void {
    sql.exec(`DELETE FROM ${this.name} ${clause}`, ...values);
  }

  private decode(stored: readonly SqlStorageValue[]): Row<C> {
    const row: Record<string, unknown> = {};
    for (const [i, [name, column]] of this.entries.entries()) row[name] = column.decode(stored[i] ?? null);
    return row as Row<C>;
  }

  /** Returns the values of a row, and which columns they are of: bit n is the n-th column. */
  private encode(row: Partial<Row<C>>, skipsNull: boolean): { given: number; values: SqlStorageValue[] } {
    const values: SqlStorageValue[] = [];
    let given = 0;
    let bit = 1;
    for (const [name, column] of this.entries) {
      const value = row[name];
      if (value !== undefined && !(skipsNull && value === null && column.isNullable)) {
        given += bit;
        values.push(column.encode(value));
      }
      bit *= 2;
    }
    return { given, values };
  }

  private namesOf(given: number): string[] {
    return this.entries.flatMap(([name], n) => (Math.floor(given / 2 ** n) % 2 === 1 ? [name] : []));
  }

  private statement(key: string, write: () => string): string {
    const known = this.statements.get(key) ?? write();
    this.statements.set(key, known);
    return known;
  }
}

export function table<C extends Columns>(name: string, columns: C): Table<C> {
  return new Table(name, columns);
}
