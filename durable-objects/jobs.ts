import { defaulted, number, table, text } from "./table.ts";

const jobStepsPerAlarm = 200;
export const jobRetryMs = 1_000;
export const jobRetryMaxMs = 5 * 60_000;

/** Work at a scheduled time. `key` tells jobs of one kind apart. */
export interface Job {
  kind: string;
  key: string;
  due: number;
  attempts: number;
}

/** Runs one bounded, repeatable step of a job. Returns when the next is due; null when there is none. */
export type Step = (key: string, attempts: number) => Promise<number | null>;

export const jobsTable = table("jobs", {
  kind: text(),
  key: text(),
  due: number(),
  attempts: defaulted(number()),
});

export function createJobs(sql: SqlStorage): void {
  sql.exec(`CREATE TABLE jobs (
    kind TEXT NOT NULL, key TEXT NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, key))`);
  sql.exec("CREATE INDEX jobs_due ON jobs (due)");
}

/** An object's one alarm, shared by all its work: it rings when the earliest job is due. */
export class Jobs {
  private readonly storage: DurableObjectStorage;
  private readonly steps: Record<string, Step>;

  constructor(storage: DurableObjectStorage, steps: Record<string, Step>) {
    this.storage = storage;
    this.steps = steps;
  }

  /** Adds a job, or moves it; an attempt counted before is forgotten. */
  put(kind: string, key: string, due: number): void {
    this.storage.sql.exec("INSERT OR REPLACE INTO jobs (kind, key, due) VALUES (?, ?, ?)", kind, key, due);
    this.setAlarm();
  }

  /** Adds a job unless it is there, or brings it forward. */
  bring(kind: string, key: string, due: number): void {
    this.storage.sql.exec(
      "INSERT INTO jobs (kind, key, due) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET due = min(due, ?3)",
      kind,
      key,
      due,
    );
    this.setAlarm();
  }

  drop(kind: string, key: string): void {
    this.storage.sql.exec("DELETE FROM jobs WHERE kind = ? AND key = ?", kind, key);
  }

  /** The keys of the jobs of one kind. */
  keys(kind: string): string[] {
    const rows = this.storage.sql.exec<{ key: string }>("SELECT key FROM jobs WHERE kind = ? ORDER BY key", kind);
    return rows.toArray().map(({ key }) => key);
  }

  isAny(kind: string): boolean {
    return this.storage.sql.exec("SELECT 1 FROM jobs WHERE kind = ? LIMIT 1", kind).toArray().length > 0;
  }

  dueOf(kind: string, key: string): number | null {
    const [row] = this.storage.sql.exec<{ due: number }>("SELECT due FROM jobs WHERE kind = ? AND key = ?", kind, key);
    return row?.due ?? null;
  }

  /** Runs what is due. Never throws: an alarm that fails six times would never ring again. */
  async runDue(): Promise<void> {
    for (let step = 0; step < jobStepsPerAlarm; step++) {
      const job = this.earliest();
      if (!job || job.due > Date.now()) break;
      await this.runStep(job);
      // Lets waiting questions in between two steps.
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

  // A step may have rescheduled its job: that is newer than what it returns.
  private moveUnlessChanged(job: Job, due: number | null, attempts: number): void {
    const { kind, key } = job;
    const where = "WHERE kind = ? AND key = ? AND due = ? AND attempts = ?";
    if (due === null) this.storage.sql.exec(`DELETE FROM jobs ${where}`, kind, key, job.due, job.attempts);
    else {
      const values = [due, attempts, kind, key, job.due, job.attempts];
      this.storage.sql.exec(`UPDATE jobs SET due = ?, attempts = ? ${where}`, ...values);
    }
  }

  private earliest(): Job | null {
    return jobsTable.first(this.storage.sql, "ORDER BY due");
  }

  private setAlarm(): void {
    const job = this.earliest();
    if (job) void this.storage.setAlarm(Math.max(job.due, Date.now()));
  }
}
