/** How long a claim lasts: within this time its holder asks the next rung for the training. */
const claimMs = 60_000;

type Row = Record<string, SqlStorageValue> & { doneAt: number | null; claimedUntil: number | null };

const kind = "train";

/** The table `schedule`: when the origin was last asked to train by the Worker's cron, and who is asking it now. */
export class Schedule {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Takes on to ask for training, where a period is over since it was last asked, or else since the first version. */
  claim(everyMs: number, at: number): boolean {
    const [row] = this.sql.exec<Row>("SELECT doneAt, claimedUntil FROM schedule WHERE kind = ?", kind);
    const since = row?.doneAt ?? this.firstPublished();
    if (since === null || at < since + everyMs || at < (row?.claimedUntil ?? 0)) return false;
    const until = at + claimMs;
    this.sql.exec("INSERT OR REPLACE INTO schedule VALUES (?, ?, ?)", kind, row?.doneAt ?? null, until);
    return true;
  }

  /** Ends a claim: asked at `at`, or null where nobody took it; then it is due still. */
  end(at: number | null): void {
    const query = "UPDATE schedule SET doneAt = coalesce(?, doneAt), claimedUntil = NULL WHERE kind = ?";
    this.sql.exec(query, at, kind);
  }

  private firstPublished(): number | null {
    return this.sql.exec<{ at: number | null }>("SELECT min(at) AS at FROM history").one().at;
  }
}
