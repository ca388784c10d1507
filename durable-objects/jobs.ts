import { number, type RowOf, table, text } from "./table.ts";

/** Steps that one alarm runs at most. */
const jobStepsPerAlarm = 200;
/** How often an alarm that is still busy looks what has become due. */
const tickMs = 100;
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

/** Due jobs of a lane that are read at once: each read passes over all that wait. */
const readAtOnce = 256;

/** How the jobs of a kind run: beside those of other kinds, and some at once. */
export interface Lane {
  atOnce: number;
  /** How long a place stays empty after a job, so that many jobs leave time for requests; not at all unless given. */
  restMs?: number;
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
  private readonly running = new Map<string, string>();
  private run: Promise<void> | null = null;
  private wake = () => {};
  private fail: (reason: unknown) => void = () => {};
  /** Due jobs of each lane that were read and have not started. They may have changed since. */
  private readonly waiting = new Map<string, Job[]>();
  /** Lanes of which all due jobs were read: they are read again once one is added, and with the next tick. */
  private readonly isRead = new Set<string>();
  /** The lanes in which a job may have to be started. */
  private readonly stale = new Set<string>();

  constructor(storage: DurableObjectStorage, steps: Record<string, Step>, lanes: Record<string, Lane> = {}) {
    this.storage = storage;
    this.steps = steps;
    this.lanes = lanes;
  }

  /** Adds or moves a job, and resets its attempts. */
  put(kind: string, key: string, due: number): void {
    this.change(kind, [key], "INSERT OR REPLACE INTO jobs (kind, key, due) VALUES (?, ?, ?)", due);
  }

  /** Adds a job for each key, or moves it to an earlier time. */
  bringForward(kind: string, keys: string | readonly string[], due: number): void {
    const query = `INSERT INTO jobs (kind, key, due) VALUES (?1, ?2, ?3)
      ON CONFLICT DO UPDATE SET due = excluded.due WHERE due > excluded.due`;
    this.change(kind, [keys].flat(), query, due);
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
    // A run in progress may be waiting for places that rest.
    if (this.run) this.lookEverywhere();
    this.run ??= this.runAll().finally(() => {
      this.run = null;
      this.setAlarm();
    });
    return this.run;
  }

  // What becomes due meanwhile starts as soon as its lane has room.
  private async runAll(): Promise<void> {
    this.lookEverywhere();
    const ticking = setInterval(() => this.lookEverywhere(), tickMs);
    try {
      for (let steps = 0; ; ) {
        for (const job of this.startable(steps < jobStepsPerAlarm)) {
          this.start(job);
          steps++;
        }
        if (this.running.size === 0) return;
        await new Promise<void>((resolve, reject) => {
          this.wake = resolve;
          this.fail = reject;
        });
      }
    } finally {
      clearInterval(ticking);
      this.wake = () => {};
    }
  }

  private start(job: Job): void {
    const [id, lane] = [idOf(job), this.laneOf(job.kind)];
    this.running.set(id, lane);
    const { restMs } = this.laneNamed(lane);
    // Starts once the loop waits, and lets waiting requests run between two steps. Those of a lane wait for others anyway.
    Promise.resolve()
      .then(() => this.runStep(job))
      .then(() => (restMs === undefined ? undefined : scheduler.wait(restMs)))
      .finally(() => this.running.delete(id))
      .then(
        () => this.look(lane),
        (error) => this.fail(error),
      );
  }

  private look(lane: string): void {
    this.stale.add(lane);
    this.wake();
  }

  private lookEverywhere(): void {
    this.isRead.clear();
    for (const lane of [...Object.keys(this.lanes), shared]) this.stale.add(lane);
    this.wake();
  }

  /** Lists the due jobs that may start; without `all` only those that wait for nothing. */
  private startable(all: boolean): Job[] {
    const lanes = [...this.stale];
    this.stale.clear();
    return lanes.flatMap((lane) => this.startableIn(lane, all));
  }

  private startableIn(lane: string, all: boolean): Job[] {
    const now = Date.now();
    const { atOnce, first } = this.laneNamed(lane);
    const running = [...this.running.values()].filter((other) => other === lane).length;
    const prompt = first === undefined ? [] : this.due(`${beginsWith} AND due <= ?3`, lane, first, now);
    if (!all || running >= atOnce) return prompt;
    const others = this.next(lane, atOnce - running, now).filter(({ key }) => prompt.every((job) => job.key !== key));
    return [...prompt, ...others];
  }

  /** Returns up to `limit` jobs of a lane that are due. */
  private next(lane: string, limit: number, now: number): Job[] {
    const kinds = Object.keys(this.lanes);
    // One at a time, in the order of their time.
    if (lane === shared) {
      const isIn = `kind NOT IN (${kinds.map(() => "?")})`;
      return this.due(`WHERE ${isIn} AND due <= ? ORDER BY due LIMIT 1`, ...kinds, now);
    }
    const found = this.takeWaiting(lane, limit, now);
    if (found.length === limit || this.isRead.has(lane)) return found;
    const started = new Set(found.map(idOf));
    // By the key of the table: the index of times would pass over what waits in other lanes.
    const read = this.due("WHERE kind = ? AND +due <= ? ORDER BY +due LIMIT ?", lane, now, readAtOnce);
    // Those that run at the moment are left out of what was read.
    if (read.length < readAtOnce - this.laneNamed(lane).atOnce) this.isRead.add(lane);
    this.waiting.set(
      lane,
      read.filter((job) => !started.has(idOf(job))),
    );
    return [...found, ...this.takeWaiting(lane, limit - found.length, now)];
  }

  private takeWaiting(lane: string, limit: number, now: number): Job[] {
    const waiting = this.waiting.get(lane) ?? [];
    const taken: Job[] = [];
    while (taken.length < limit && waiting.length > 0) {
      const { kind, key } = waiting.shift() as Job;
      taken.push(...this.due("WHERE kind = ? AND key = ? AND due <= ?", kind, key, now));
    }
    return taken;
  }

  private due(clause: string, ...values: SqlStorageValue[]): Job[] {
    return [...jobsTable.select(this.storage.sql, clause, ...values)].filter((job) => !this.running.has(idOf(job)));
  }

  private laneNamed(lane: string): Lane {
    return this.lanes[lane] ?? { atOnce: 1, restMs: 0 };
  }

  private laneOf(kind: string): string {
    return kind in this.lanes ? kind : shared;
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
    if (due !== null && due <= Date.now()) this.isRead.delete(this.laneOf(job.kind));
    if (due === null) jobsTable.delete(this.storage.sql, where, ...values);
    else jobsTable.update(this.storage.sql, { due, attempts }, where, ...values);
  }

  private earliest(): Job | null {
    return jobsTable.first(this.storage.sql, "ORDER BY due");
  }

  // An alarm that is set is billed as a row: only where the earliest job is due at another time, or has waited too long already.
  private change(kind: string, keys: readonly string[], query: string, at: number): void {
    const before = this.earliest()?.due;
    for (const key of keys) this.storage.sql.exec(query, kind, key, at);
    const due = this.earliest()?.due ?? 0;
    if (due !== before || due <= Date.now()) this.setAlarm();
    this.isRead.delete(this.laneOf(kind));
    this.look(this.laneOf(kind));
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
