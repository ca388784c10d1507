/** How the values of a column are written to SQLite and read from it. `T` is what the code sees. */
export interface StoredColumn<T> {
  encode(value: T): SqlStorageValue;
  decode(stored: SqlStorageValue): T;
}

/** A column that an insert may leave out: it is null, or the schema gives it a value. */
export interface OptionalColumn<T> extends StoredColumn<T> {
  isOptional: true;
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
    encode: (value) => (value === null ? null : encode(value)),
    decode: (stored) => (stored === null ? null : decode(stored)),
  };
}

/** A column whose value the schema gives when an insert leaves it out: a default, or a new number. */
export function defaulted<T>(column: StoredColumn<T>): OptionalColumn<T> {
  return { ...column, isOptional: true };
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
  private readonly entries: [name: string, column: StoredColumn<unknown>][];
  private readonly selected: string;

  constructor(name: string, columns: C) {
    this.name = name;
    this.columns = columns;
    this.entries = Object.entries(columns);
    this.selected = `SELECT ${this.entries.map(([column]) => `${name}.${column}`).join(", ")} FROM ${name}`;
  }

  /** Inserts a row, under a number of SQLite's unless one is given; false where one with the same key exists and stays. */
  insert(sql: SqlStorage, row: NewRow<C>, onConflict: OnConflict = "fail", rowid?: number): boolean {
    const { names, values } = this.encode(row);
    if (rowid !== undefined) {
      names.push("rowid");
      values.push(rowid);
    }
    const verb = onConflict === "fail" ? "INSERT" : `INSERT OR ${onConflict.toUpperCase()}`;
    const query = `${verb} INTO ${this.name} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
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
    const { names, values: set } = this.encode(changes);
    const query = `UPDATE ${this.name} SET ${names.map((name) => `${name} = ?`).join(", ")} ${clause}`;
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

  private encode(row: Partial<Row<C>>): { names: string[]; values: SqlStorageValue[] } {
    const given = this.entries.filter(([name]) => row[name] !== undefined);
    return {
      names: given.map(([name]) => name),
      values: given.map(([name, column]) => column.encode(row[name])),
    };
  }
}

export function table<C extends Columns>(name: string, columns: C): Table<C> {
  return new Table(name, columns);
}
