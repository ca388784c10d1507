import { number, type RowOf, table, text } from "./table.ts";

/** Steps that one alarm runs at most. */
const jobStepsPerAlarm = 200;
export const jobRetryMs = 1_000;
export const jobRetryMaxMs = 5 * 60_000;

export const jobsTable = table("jobs", { kind: text(), key: text(), due: number(), attempts: number() });

/** Work that an object does at a scheduled time. `key` distinguishes jobs of one kind; `due` is in ms since 1970. */
export type Job = RowOf<typeof jobsTable>;

/** Does one bounded, repeatable step of a job. Returns when the next step is due; null when the job is done. */
export type Step = (key: string, attempts: number) => Promise<number | null>;

/** Creates the table of jobs. */
export function createJobs(sql: SqlStorage): void {
  sql.exec(`CREATE TABLE jobs (
    kind TEXT NOT NULL, key TEXT NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, key))`);
  sql.exec("CREATE INDEX jobs_due ON jobs (due)");
}

/** The jobs of an object. They share its one alarm, which is set to the earliest. */
export class Jobs {
  private readonly storage: DurableObjectStorage;
  private readonly steps: Record<string, Step>;

  constructor(storage: DurableObjectStorage, steps: Record<string, Step>) {
    this.storage = storage;
    this.steps = steps;
  }

  /** Adds or moves a job, and resets its attempts. */
  put(kind: string, key: string, due: number): void {
    this.change("INSERT OR REPLACE INTO jobs (kind, key, due) VALUES (?, ?, ?)", kind, key, due);
  }

  /** Adds a job, or moves it to an earlier time. */
  bringForward(kind: string, key: string, due: number): void {
    const query = `INSERT INTO jobs (kind, key, due) VALUES (?1, ?2, ?3)
      ON CONFLICT DO UPDATE SET due = excluded.due WHERE due > excluded.due`;
    this.change(query, kind, key, due);
  }

  drop(kind: string, key: string): void {
    jobsTable.delete(this.storage.sql, "WHERE kind = ? AND key = ?", kind, key);
  }

  /** Returns the keys of the jobs of one kind. */
  keys(kind: string): string[] {
    return Array.from(jobsTable.select(this.storage.sql, "WHERE kind = ? ORDER BY key", kind), ({ key }) => key);
  }

  isAny(kind: string): boolean {
    return jobsTable.first(this.storage.sql, "WHERE kind = ?", kind) !== null;
  }

  /** Returns when a job is due; null where there is none. */
  dueOf(kind: string, key: string): number | null {
    return jobsTable.first(this.storage.sql, "WHERE kind = ? AND key = ?", kind, key)?.due ?? null;
  }

  /** Runs what is due. Never throws: the platform gives up on an alarm that fails six times. */
  async runDue(): Promise<void> {
    for (let step = 0; step < jobStepsPerAlarm; step++) {
      const job = this.earliest();
      if (!job || job.due > Date.now()) break;
      await this.runStep(job);
      // Lets waiting requests run between two steps.
      await scheduler.wait(0);
    }
    this.setAlarm();
  }

  private async runStep(job: Job): Promise<void> {
    try {
      const next = await (this.steps[job.kind] as Step)(job.key, job.attempts);
      this.moveUnlessChanged(job, next, 0);
    } catch (error) {
      const wait = Math.min(jobRetryMaxMs, jobRetryMs * 2 ** job.attempts);
      console.error(JSON.stringify({ event: "job-failed", ...job, wait, error: String(error) }));
      this.moveUnlessChanged(job, Date.now() + wait, job.attempts + 1);
    }
  }

  // A step may have scheduled its own job again: that is newer than its result.
  private moveUnlessChanged(job: Job, due: number | null, attempts: number): void {
    const where = "WHERE kind = ? AND key = ? AND due = ? AND attempts = ?";
    const values = [job.kind, job.key, job.due, job.attempts];
    if (due === null) jobsTable.delete(this.storage.sql, where, ...values);
    else jobsTable.update(this.storage.sql, { due, attempts }, where, ...values);
  }

  private earliest(): Job | null {
    return jobsTable.first(this.storage.sql, "ORDER BY due");
  }

  // An alarm that is set is billed as a row: only where the earliest job is due at another time, or has waited too long already.
  private change(query: string, ...values: SqlStorageValue[]): void {
    const before = this.earliest()?.due;
    this.storage.sql.exec(query, ...values);
    const due = this.earliest()?.due ?? 0;
    if (due !== before || due <= Date.now()) this.setAlarm();
  }

  private setAlarm(): void {
    const job = this.earliest();
    if (job) void this.storage.setAlarm(Math.max(job.due, Date.now()));
  }
}
