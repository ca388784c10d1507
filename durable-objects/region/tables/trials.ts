import type { SecondOpinion } from "#core/confidence/opinion.ts";
import { defaulted, flag, json, nullable, number, type RowOf, table, text } from "../../table.ts";

export const trialsTable = table("trials", {
  number: defaulted(number()),
  id: text(),
  base: number(),
  /** The label that the rung put first. */
  prediction: text(),
  inclusionProbability: number(),
  /** Data time at which the question was asked. */
  at: number(),
  dueAt: number(),
  error: nullable(number()),
  /** The window that counted it; null while it waits, 0 for none. */
  window: nullable(number()),
  /** Whether a label is planned. Without one, only the opinion counts. */
  planned: defaulted(flag()),
  /** The share of questions about which the rung above was asked; null where it was not asked about this one. */
  opinionShare: nullable(number()),
  opinion: nullable(json<SecondOpinion>()),
  /** How long the opinion may still come; null where none is awaited. */
  opinionDueAt: nullable(number()),
  /** The error that the opinion predicted, recorded when it was counted. */
  predicted: nullable(number()),
  /** The window of the group that counted it; null for none. */
  groupWindow: nullable(number()),
});

/** An accepted question whose label is planned, or about which the rung above is asked. */
export type TrialRow = RowOf<typeof trialsTable>;
type NewTrial = Pick<TrialRow, "id" | "base" | "prediction" | "inclusionProbability" | "at" | "dueAt" | "planned"> &
  Partial<Pick<TrialRow, "opinionShare" | "opinionDueAt">>;

/** The table `trials`: accepted questions that the certificate counts, in the order of asking. */
export class PlannedLabels {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Adds a trial, once for each question. */
  add(trial: NewTrial): void {
    trialsTable.insert(this.sql, trial, "ignore");
  }

  find(id: string): TrialRow | null {
    return trialsTable.first(this.sql, "WHERE id = ?", id);
  }

  last(): number {
    return this.sql.exec<{ last: number }>("SELECT coalesce(max(number), 0) AS last FROM trials").one().last;
  }

  /** Returns the trials that can be counted, in order: up to the first whose label or opinion may still come. */
  countable(base: number, now: number): TrialRow[] {
    const clause = `WHERE window IS NULL AND base = ?1 AND number < coalesce(
        (SELECT min(number) FROM trials WHERE window IS NULL AND base = ?1
           AND ((planned AND error IS NULL AND dueAt > ?2) OR opinionDueAt > ?2)), 9e15)
      ORDER BY number`;
    return [...trialsTable.select(this.sql, clause, base, now)];
  }

  /** Returns the versions with trials that wait. */
  basesWaiting(): number[] {
    const rows = this.sql.exec<{ base: number }>("SELECT DISTINCT base FROM trials WHERE window IS NULL");
    return rows.toArray().map(({ base }) => base);
  }

  /** Returns when the first planned label is overdue; null where none is planned. */
  nextDue(): number | null {
    const query = "SELECT min(dueAt) AS due FROM trials WHERE window IS NULL AND error IS NULL AND planned";
    return this.sql.exec<{ due: number | null }>(query).one().due;
  }

  /** Returns how many accepted questions the waiting trials after `afterTrial` stand for. */
  waitingWeight(base: number, afterTrial: number): number {
    const query = `SELECT total(1 / inclusionProbability) AS weight FROM trials
      WHERE window IS NULL AND planned AND base = ? AND number > ?`;
    return this.sql.exec<{ weight: number }>(query, base, afterTrial).one().weight;
  }

  /** Returns the data time of the last question whose label was planned; null where there is none. */
  lastAskedAt(base: number): number | null {
    return this.sql.exec<{ at: number | null }>("SELECT max(at) AS at FROM trials WHERE base = ?", base).one().at;
  }

  setError(id: string, error: number): void {
    trialsTable.update(this.sql, { error }, "WHERE id = ?", id);
  }

  /** Returns trials about which the rung above is still to be asked, the first ones first. */
  awaitingOpinion(limit: number): TrialRow[] {
    return [...trialsTable.select(this.sql, "WHERE opinionDueAt IS NOT NULL ORDER BY number LIMIT ?", limit)];
  }

  /** Records the opinion on a question; null where it does not come. The first one stays. */
  setOpinion(id: string, opinion: SecondOpinion | null): void {
    trialsTable.update(this.sql, { opinion, opinionDueAt: null }, "WHERE id = ? AND opinionDueAt IS NOT NULL", id);
  }

  /** Marks a trial as counted by a window. A planned label that never came counts as an error. */
  setCounted(trial: number, by: { window: number; group: number | null; predicted: number }): void {
    this.sql.exec(
      `UPDATE trials SET window = ?, groupWindow = ?, predicted = ?, opinionDueAt = NULL, error = CASE WHEN planned THEN coalesce(error, 1) END
       WHERE number = ?`,
      ...[by.window, by.group, by.predicted, trial],
    );
    // Nothing corrects it any more.
    trialsTable.delete(this.sql, "WHERE number = ? AND NOT planned", trial);
  }

  /** Marks a trial that no window counts. */
  skip(trial: number): void {
    trialsTable.update(this.sql, { window: 0, opinionDueAt: null }, "WHERE number = ?", trial);
  }

  /** Drops the waiting trials of `base` and gives it those of `from`. */
  inherit(base: number, from: number): void {
    trialsTable.update(this.sql, { window: 0 }, "WHERE base = ? AND window IS NULL", base);
    trialsTable.update(this.sql, { base }, "WHERE base = ? AND window IS NULL", from);
  }

  /** Forgets a question. A trial whose label came keeps counting, without its id. */
  forget(id: string): void {
    trialsTable.delete(this.sql, "WHERE id = ? AND window IS NULL AND error IS NULL", id);
    this.sql.exec("UPDATE trials SET id = 'forgotten ' || number, prediction = '' WHERE id = ?", id);
  }

  /** Deletes counted trials that were due before a time: their questions are gone. */
  expire(before: number): void {
    trialsTable.delete(this.sql, "WHERE window IS NOT NULL AND dueAt < ?", before);
  }
}
