import { questionKeepMs } from "#core/contract/index.ts";
import { flag, number, type RowOf, table, text } from "../../table.ts";

/**
 * Where a check is: to be handed to the review queue, in it, or ended. Then a person could not tell, or the sample has the
 * person's label, or that label may not change it.
 */
export type CheckState = "due" | "asked" | "flagged" | "checked" | "ignored";

const checksTable = table("checks", {
  id: text(),
  state: text<CheckState>(),
  /** When it is handed to the review queue; of one that has ended, until when the queue may send a label for it. */
  at: number(),
  /** Whether a label of the sample has judged rungs, rules and answers. */
  judged: flag(),
});

/** A sample whose label people are asked to check, or have checked. */
export type Check = RowOf<typeof checksTable>;

/** How long after an answer the review queue may have a question, and send a correction: longer than it lets a person correct. */
export const correctionsMs = 15 * 60_000;

const waiting = "state IN ('due', 'asked')";

/** The table `checks`: labels that people are asked to check, or have checked. */
export class Checks {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  find(id: string): Check | null {
    return checksTable.first(this.sql, "WHERE id = ?", id);
  }

  /** Counts the checks that wait for a person. */
  waiting(): number {
    return this.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM checks WHERE ${waiting}`).one().n;
  }

  add(id: string, at: number, judged: boolean): void {
    checksTable.insert(this.sql, { id, state: "due", at, judged }, "replace");
  }

  due(now: number, limit: number): string[] {
    const clause = "WHERE state = 'due' AND at <= ? ORDER BY at LIMIT ?";
    return [...checksTable.select(this.sql, clause, now, limit)].map(({ id }) => id);
  }

  nextDue(): number | null {
    return checksTable.first(this.sql, "WHERE state = 'due' ORDER BY at")?.at ?? null;
  }

  /** Records that the review queue has a sample; false where its check has ended in the meantime. */
  setAsked(id: string): boolean {
    return this.sql.exec("UPDATE checks SET state = 'asked' WHERE id = ? AND state = 'due'", id).rowsWritten > 0;
  }

  /** Records that a person could not tell. */
  setFlagged(id: string): void {
    const at = Date.now() + questionKeepMs;
    checksTable.update(this.sql, { state: "flagged", at }, `WHERE id = ? AND ${waiting}`, id);
  }

  /** Records what came of a person's answer. */
  setAnswered(id: string, state: "checked" | "ignored"): void {
    checksTable.update(this.sql, { state, at: Date.now() + correctionsMs }, "WHERE id = ?", id);
  }

  setJudged(id: string): void {
    checksTable.update(this.sql, { judged: true }, "WHERE id = ?", id);
  }

  remove(id: string): void {
    checksTable.delete(this.sql, "WHERE id = ?", id);
  }
}

/** Tells whether the review queue may send a label for a check. */
export function isAsked({ state, at }: Check): boolean {
  return state === "due" || state === "asked" || at > Date.now();
}
