/** How long a claim lasts: within this time its holder requests the training from the next rung. */
const claimMs = 60_000;

const kind = "train";

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
    const query = "SELECT doneAt, claimedUntil FROM schedule WHERE kind = ?";
    const [row] = this.sql.exec<{ doneAt: number | null; claimedUntil: number | null }>(query, kind);
    const since = row?.doneAt ?? firstAt;
    if (since === null || at < since + everyMs || at < (row?.claimedUntil ?? 0)) return false;
    const values = [kind, row?.doneAt ?? null, at + claimMs];
    this.sql.exec("INSERT OR REPLACE INTO schedule VALUES (?, ?, ?)", ...values);
    return true;
  }

  /** Ends a claim: the training was requested at `at`; null where it was not, and is still due. */
  end(at: number | null): void {
    const query = "UPDATE schedule SET doneAt = coalesce(?, doneAt), claimedUntil = NULL WHERE kind = ?";
    this.sql.exec(query, at, kind);
  }
}
