import { type Bucket, type RateLimit, type Turns, takeTurns } from "#core/rung/external/rate-limit.ts";
import { json, table, text } from "../../table.ts";

const turns = table("turns", { rung: text(), bucket: json<Bucket>() });

/** The table `turns`: how many questions external rungs may still be asked, over all regions. */
export class TurnBuckets {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  take(rung: string, wanted: number, limit: RateLimit, now: number): Turns {
    const known = turns.first(this.sql, "WHERE rung = ?", rung)?.bucket ?? null;
    const { taken, retryAfterMs, bucket } = takeTurns(known, wanted, limit, now);
    turns.insert(this.sql, { rung, bucket }, "replace");
    return { taken, retryAfterMs };
  }
}
