import { number, type RowOf, table, text } from "./table.ts";

/** Steps that one alarm runs at most. */
const jobStepsPerAlarm = 200;
/** Far below what a timer can count. */
const timerMaxMs = 60_000;
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

/** How the jobs of a kind run: beside those of other kinds, and some at once. */
export interface Lane {
  atOnce: number;
  /** Jobs whose key begins with it start at once, whatever else runs. */
  first?: string;
}

/**
 * The jobs of an object. They share its one alarm, which is set to the earliest. Kinds without a lane of their own run one job
 * after another.
 */
export class Jobs {
  private readonly storage: DurableObjectStorage;
  private readonly steps: Record<string, Step>;
  private readonly lanes: Record<string, Lane>;
  /** The jobs that run at the moment, with the lanes that they are in. */
  private readonly running = new Map<string, { lane: string; end: Promise<void> }>();
  private run: Promise<void> | null = null;
  private wake = () => {};

  constructor(storage: DurableObjectStorage, steps: Record<string, Step>, lanes: Record<string, Lane> = {}) {
    this.storage = storage;
    this.steps = steps;
    this.lanes = lanes;
  }

  /** Adds or moves a job, and resets its attempts. */
  put(kind: string, key: string, due: number): void {
    this.storage.sql.exec("INSERT OR REPLACE INTO jobs (kind, key, due) VALUES (?, ?, ?)", kind, key, due);
    this.setAlarm();
    this.wake();
  }

  /** Adds a job for each key, or moves it to an earlier time. */
  bringForward(kind: string, keys: string | readonly string[], due: number): void {
    for (const key of [keys].flat()) {
      this.storage.sql.exec(
        "INSERT INTO jobs (kind, key, due) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET due = min(due, ?3)",
        kind,
        key,
        due,
      );
    }
    this.setAlarm();
    this.wake();
  }

  drop(kind: string, key: string): void {
    jobsTable.delete(this.storage.sql, "WHERE kind = ? AND key = ?", kind, key);
  }

  /** Returns the keys of the jobs of one kind. */
  keys(kind: string): string[] {
    return Array.from(jobsTable.select(this.storage.sql, "WHERE kind = ? ORDER BY key", kind), ({ key }) => key);
  }

  /** Tells whether there is a job of a kind, whose key begins with `prefix`. */
  isAny(kind: string, prefix = ""): boolean {
    return jobsTable.first(this.storage.sql, beginsWith, kind, prefix) !== null;
  }

  /** Returns when a job is due; null where there is none. */
  dueOf(kind: string, key: string): number | null {
    return jobsTable.first(this.storage.sql, "WHERE kind = ? AND key = ?", kind, key)?.due ?? null;
  }

  /** Runs what is due. Never throws: the platform gives up on an alarm that fails six times. */
  runDue(): Promise<void> {
    this.run ??= this.runAll().finally(() => {
      this.run = null;
      this.setAlarm();
    });
    return this.run;
  }

  // What becomes due meanwhile starts as soon as its lane has room.
  private async runAll(): Promise<void> {
    for (let steps = 0; ; ) {
      for (const job of this.startable(steps < jobStepsPerAlarm)) {
        this.start(job);
        steps++;
      }
      if (this.running.size === 0) return;
      await this.change();
    }
  }

  private start(job: Job): void {
    const id = idOf(job);
    // Starts once `change` waits, and lets waiting requests run between two steps.
    const end = Promise.resolve()
      .then(() => this.runStep(job))
      .then(() => scheduler.wait(0))
      .finally(() => this.running.delete(id));
    this.running.set(id, { lane: this.laneOf(job.kind), end });
  }

  /** Waits until a job ends, one is added, or the next one is due. */
  private async change(): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    const next = jobsTable.first(this.storage.sql, "WHERE due > ? ORDER BY due", Date.now());
    const timer = next && setTimeout(() => this.wake(), Math.min(next.due - Date.now(), timerMaxMs));
    await Promise.race([woken, ...Array.from(this.running.values(), ({ end }) => end)]);
    if (timer !== null) clearTimeout(timer);
    this.wake = () => {};
  }

  /** Lists the due jobs that may start; without `all` only those that wait for nothing. */
  private startable(all: boolean): Job[] {
    const now = Date.now();
    const lanes = Object.entries(this.lanes).flatMap(([kind, { atOnce, first }]) => {
      const prompt = first === undefined ? [] : this.due(`${beginsWith} AND due <= ?3`, kind, first, now);
      const room = atOnce - this.runningIn(kind);
      // Several start together, since each look reads all that wait.
      if (!all || room < atOnce / 2) return prompt;
      const rest = this.due("WHERE kind = ? AND due <= ? ORDER BY due LIMIT ?", kind, now, atOnce).slice(0, room);
      return [...prompt, ...rest.filter(({ key }) => prompt.every((job) => job.key !== key))];
    });
    if (!all || this.runningIn(shared) > 0) return lanes;
    const kinds = Object.keys(this.lanes);
    const elsewhere = `WHERE due <= ? AND kind NOT IN (${kinds.map(() => "?")}) ORDER BY due LIMIT 1`;
    return [...lanes, ...this.due(elsewhere, now, ...kinds)];
  }

  private due(clause: string, ...values: SqlStorageValue[]): Job[] {
    return [...jobsTable.select(this.storage.sql, clause, ...values)].filter((job) => !this.running.has(idOf(job)));
  }

  private laneOf(kind: string): string {
    return kind in this.lanes ? kind : shared;
  }

  private runningIn(lane: string): number {
    return [...this.running.values()].filter((job) => job.lane === lane).length;
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

  private setAlarm(): void {
    const job = this.earliest();
    if (job) void this.storage.setAlarm(Math.max(job.due, Date.now()));
  }
}

/** The lane of all kinds that have none of their own. */
const shared = "";
const beginsWith = "WHERE kind = ?1 AND key >= ?2 AND key < ?2 || char(1114111)";

function idOf({ kind, key }: Pick<Job, "kind" | "key">): string {
  return `${kind} ${key}`;
}
