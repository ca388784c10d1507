import { nullable, number, table, text } from "../../table.ts";

/** How long a claim lasts: within this time its holder requests the training from the next rung. */
const claimMs = 60_000;

const kind = "train";
const schedule = table("schedule", { kind: text(), doneAt: nullable(number()), claimedUntil: nullable(number()) });

/** The table `schedule`: when the Worker's cron last requested a training, and until when a request is in progress. */
export class TrainingSchedule {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /**
   * Claims the next training; false where none is due or another caller has the claim. One is due when a period has
   * passed since the last one, or since `firstAt`, when the model was first published.
   */
  claim(everyMs: number, at: number, firstAt: number | null): boolean {
    const { doneAt, claimedUntil } = this.row();
    const since = doneAt ?? firstAt;
    if (since === null || at < since + everyMs || at < (claimedUntil ?? 0)) return false;
    schedule.insert(this.sql, { kind, doneAt, claimedUntil: at + claimMs }, "replace");
    return true;
  }

  /** Ends a claim: the training was requested at `at`; null where it was not, and is still due. */
  end(at: number | null): void {
    schedule.update(this.sql, { claimedUntil: null, ...(at === null ? {} : { doneAt: at }) }, "WHERE kind = ?", kind);
  }

  private row() {
    return schedule.first(this.sql, "WHERE kind = ?", kind) ?? { doneAt: null, claimedUntil: null };
  }
}
