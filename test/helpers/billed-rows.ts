import { TestRegion } from "./region.ts";

type Exec = SqlStorage["exec"];
type SetAlarm = DurableObjectStorage["setAlarm"];

/** What Cloudflare bills of an object's storage. Rows of indexes count; an alarm that is set counts as a row written. */
export interface BilledRows {
  rowsRead: number;
  rowsWritten: number;
  alarms: number;
}

/** What one text of SQL read and wrote, in all its runs. */
export interface BilledStatement extends Omit<BilledRows, "alarms"> {
  query: string;
  runs: number;
}

/** Runs a statement without counting it: for a test that looks while it counts. */
export type Uncounted = (sql: SqlStorage, ...given: Parameters<Exec>) => ReturnType<Exec>;

/** Counts the rows that all objects of this isolate read and write while something is done, with each statement. */
export async function billedRows(
  work: (uncounted: Uncounted) => Promise<unknown>,
): Promise<BilledRows & { statements: BilledStatement[] }> {
  const { sqls, storages } = await prototypes();
  const { exec } = sqls;
  const { setAlarm } = storages;
  const cursors: { query: string; cursor: Pick<BilledRows, "rowsRead" | "rowsWritten"> }[] = [];
  let alarms = 0;
  sqls.exec = function (this: SqlStorage, ...given: Parameters<Exec>) {
    const cursor = exec.apply(this, given);
    cursors.push({ query: given[0], cursor });
    return cursor;
  } as Exec;
  storages.setAlarm = function (this: DurableObjectStorage, ...given: Parameters<SetAlarm>) {
    alarms++;
    return setAlarm.apply(this, given);
  };
  try {
    await work((sql, ...given) => exec.apply(sql, given));
  } finally {
    Object.assign(sqls, { exec });
    Object.assign(storages, { setAlarm });
  }
  // A cursor has its counts once its rows are read.
  const statements = [...Map.groupBy(cursors, ({ query }) => query)].map(([query, runs]): BilledStatement => {
    const sum = (of: "rowsRead" | "rowsWritten") => runs.reduce((total, { cursor }) => total + cursor[of], 0);
    return { query, runs: runs.length, rowsRead: sum("rowsRead"), rowsWritten: sum("rowsWritten") };
  });
  const total = (of: "rowsRead" | "rowsWritten") => statements.reduce((sum, statement) => sum + statement[of], 0);
  return { rowsRead: total("rowsRead"), rowsWritten: total("rowsWritten"), alarms, statements };
}

/** Counts are saved once a second: a question that comes alone is measured after that. */
const restMs = 1_100;

/** Returns the middle of some measures of the same, each after a rest: an alarm that rings in between is not the work's. */
export async function medianBilledRows(
  measures: number,
  work: (n: number, uncounted: Uncounted) => Promise<unknown>,
): Promise<BilledRows> {
  const all: BilledRows[] = [];
  for (let n = 0; n < measures; n++) {
    await scheduler.wait(restMs);
    all.push(await billedRows((uncounted) => work(n, uncounted)));
  }
  const middle = (of: keyof BilledRows) => all.map((rows) => rows[of]).sort((a, b) => a - b)[measures >> 1] as number;
  return { rowsRead: middle("rowsRead"), rowsWritten: middle("rowsWritten"), alarms: middle("alarms") };
}

/** The prototypes of every object's SQL and storage. */
function prototypes(): Promise<{ sqls: SqlStorage; storages: DurableObjectStorage }> {
  return new TestRegion("counted").inside((_, { storage }) => ({
    sqls: Object.getPrototypeOf(storage.sql),
    storages: Object.getPrototypeOf(storage),
  }));
}
