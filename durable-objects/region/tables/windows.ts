import type { CertificateWindow } from "#core/confidence/window.ts";
import type { LabelSource, Rule } from "#core/contract/index.ts";
import { defaulted, json, nullable, number, type RowOf, table, text } from "../../table.ts";

/** An accepted question whose label is planned. */
export interface PlannedLabel {
  number: number;
  id: string;
  base: number;
  /** The label that the rung gave. */
  prediction: string;
  inclusionProbability: number;
  /** Data time at which it was asked. */
  at: number;
  dueAt: number;
  error: number | null;
  /** The window that counted it; null while it waits, 0 for none. */
  window: number | null;
}

/** A window with what the region knows of it besides. */
export interface RegionWindow {
  /** Its row; `window.number` counts those of its version. */
  number: number;
  base: number;
  window: CertificateWindow;
  /** Questions that the rule did not accept. */
  escalated: number;
  /** The last trial before it: only later ones count. */
  afterTrial: number;
  /** Data time of the newest trial counted. */
  newest: number | null;
  /** The weakest source among its labels. */
  source: LabelSource;
}

export const trialsTable = table("trials", {
  number: defaulted(number()),
  id: text(),
  base: number(),
  prediction: text(),
  inclusionProbability: number(),
  at: number(),
  dueAt: number(),
  error: nullable(number()),
  window: nullable(number()),
});

export const windowsTable = table("windows", {
  number: defaulted(number()),
  base: number(),
  state: json<CertificateWindow>(),
  escalated: defaulted(number()),
  afterTrial: number(),
  newest: nullable(number()),
  source: defaulted(text<LabelSource>()),
  closedAt: nullable(number()),
  reason: nullable(text()),
});

/** The tables `windows`, `trials` and `thresholds`. */
export class Windows {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** The present window of a base version: a canary earns its own certificate, and so do versions side by side. */
  current(base: number): RegionWindow | null {
    const row = windowsTable.first(this.sql, "WHERE base = ? AND closedAt IS NULL", base);
    return row && stored(row);
  }

  /** The version with an open window that is older than this one's, or than none: the one asked last, but for `except`. */
  before(base: number, except: number | null): number | null {
    const query = `SELECT base FROM windows WHERE closedAt IS NULL AND base != ?1 AND base != ?2 AND number < coalesce(
      (SELECT number FROM windows WHERE base = ?1 AND closedAt IS NULL), 9e15) ORDER BY newest DESC LIMIT 1`;
    return this.sql.exec<{ base: number }>(query, base, except ?? base).toArray()[0]?.base ?? null;
  }

  /** A version goes on with the windows of another, and with what waits to be counted in them; its own are over. */
  inherit(base: number, from: number): void {
    this.sql.exec("UPDATE windows SET closedAt = ? WHERE base = ? AND closedAt IS NULL", Date.now(), base);
    this.sql.exec("UPDATE trials SET window = 0 WHERE base = ? AND window IS NULL", base);
    this.sql.exec("UPDATE windows SET base = ? WHERE base = ?", base, from);
    this.sql.exec("UPDATE trials SET base = ? WHERE base = ? AND window IS NULL", base, from);
  }

  get(number: number): RegionWindow | null {
    const row = windowsTable.first(this.sql, "WHERE number = ?", number);
    return row && stored(row);
  }

  open(base: number, window: CertificateWindow): void {
    const query = `INSERT INTO windows (base, state, afterTrial)
      VALUES (?, ?, (SELECT coalesce(max(number), 0) FROM trials))`;
    this.sql.exec(query, base, JSON.stringify(window));
  }

  close(number: number, reason: string | null): void {
    this.sql.exec("UPDATE windows SET closedAt = ?, reason = ? WHERE number = ?", Date.now(), reason, number);
  }

  save(number: number, window: CertificateWindow): void {
    this.sql.exec("UPDATE windows SET state = ? WHERE number = ?", JSON.stringify(window), number);
  }

  countEscalated(number: number): void {
    this.sql.exec("UPDATE windows SET escalated = escalated + 1 WHERE number = ?", number);
  }

  /** Why the window before this one was broken; null where none was. */
  lastReason(base: number): string | null {
    const query = "SELECT reason FROM windows WHERE base = ? AND closedAt IS NOT NULL ORDER BY number DESC LIMIT 1";
    return this.sql.exec<{ reason: string | null }>(query, base).toArray()[0]?.reason ?? null;
  }

  addTrial(trial: Omit<PlannedLabel, "number" | "error" | "window">): void {
    trialsTable.insert(this.sql, trial, "ignore");
  }

  trial(id: string): PlannedLabel | null {
    return trialsTable.first(this.sql, "WHERE id = ?", id);
  }

  /** Trials of a version that can be counted, in the order of asking: up to the first whose label may still come. */
  waiting(base: number, now: number): PlannedLabel[] {
    const rows = trialsTable.select(
      this.sql,
      `WHERE window IS NULL AND base = ?1 AND number < coalesce(
         (SELECT min(number) FROM trials WHERE window IS NULL AND base = ?1 AND error IS NULL AND dueAt > ?2), 9e15)
       ORDER BY number`,
      base,
      now,
    );
    return [...rows];
  }

  /** The versions whose trials wait. */
  basesWaiting(): number[] {
    const rows = this.sql.exec<{ base: number }>("SELECT DISTINCT base FROM trials WHERE window IS NULL");
    return rows.toArray().map(({ base }) => base);
  }

  /** When the first label that is planned is overdue; null where none is. */
  nextDue(): number | null {
    const query = "SELECT min(dueAt) AS due FROM trials WHERE window IS NULL AND error IS NULL";
    return this.sql.exec<{ due: number | null }>(query).one().due;
  }

  /** How many accepted questions the trials stand for that wait, of those after a trial. */
  waitingWeight(base: number, afterTrial: number): number {
    const query =
      "SELECT total(1 / inclusionProbability) AS weight FROM trials WHERE window IS NULL AND base = ? AND number > ?";
    return this.sql.exec<{ weight: number }>(query, base, afterTrial).one().weight;
  }

  /** Data time of the last question whose label was planned; null where there is none. */
  lastAskedAt(base: number): number | null {
    return this.sql.exec<{ at: number | null }>("SELECT max(at) AS at FROM trials WHERE base = ?", base).one().at;
  }

  setError(id: string, error: number): void {
    this.sql.exec("UPDATE trials SET error = ? WHERE id = ?", error, id);
  }

  count(trial: PlannedLabel, number: number, window: CertificateWindow): void {
    this.sql.exec("UPDATE trials SET window = ?, error = coalesce(error, 1) WHERE number = ?", number, trial.number);
    this.save(number, window);
    this.sql.exec("UPDATE windows SET newest = max(coalesce(newest, 0), ?) WHERE number = ?", trial.at, number);
  }

  /** A window is as good as the weakest of its labels' sources. */
  noteSource(number: number, source: LabelSource): void {
    if (source === "human") this.sql.exec("UPDATE windows SET source = 'human' WHERE number = ?", number);
  }

  skip(number: number): void {
    this.sql.exec("UPDATE trials SET window = 0 WHERE number = ?", number);
  }

  forget(id: string): void {
    this.sql.exec("DELETE FROM trials WHERE id = ? AND window IS NULL AND error IS NULL", id);
    this.sql.exec("UPDATE trials SET id = 'forgotten ' || number, prediction = '' WHERE id = ?", id);
  }

  /** Deletes trials that can no longer be corrected: their questions are gone. */
  expire(before: number): void {
    this.sql.exec("DELETE FROM trials WHERE window IS NOT NULL AND dueAt < ?", before);
  }

  threshold(base: number): number | null {
    const query = "SELECT threshold FROM thresholds WHERE base = ?";
    return this.sql.exec<{ threshold: number }>(query, base).toArray()[0]?.threshold ?? null;
  }

  setThreshold(base: number, threshold: number): void {
    const query = "INSERT INTO thresholds (base, threshold) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET threshold = ?2";
    this.sql.exec(query, base, threshold);
  }

  /** Returns the rule that was published last. */
  published(base: number): Rule | null {
    const query = "SELECT published FROM thresholds WHERE base = ?";
    const published = this.sql.exec<{ published: string | null }>(query, base).toArray()[0]?.published;
    return published ? JSON.parse(published) : null;
  }

  setPublished(base: number, rule: Rule): void {
    this.sql.exec("UPDATE thresholds SET published = ? WHERE base = ?", JSON.stringify(rule), base);
  }
}

function stored({ state, ...row }: RowOf<typeof windowsTable>): RegionWindow {
  return { ...row, window: state };
}
