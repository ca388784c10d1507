import { nullable, number, type RowOf, table, text } from "../../table.ts";

const secrets = table("secrets", { sha256: text(), token: text(), madeAt: number(), until: nullable(number()) });

/** The hash of a secret; `until` is when it ends, null for a token's newest one. */
export type StoredSecret = RowOf<typeof secrets>;

/** The table `secrets`: the hashes of at most two secrets of each token. */
export class Secrets {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  all(): StoredSecret[] {
    return [...secrets.select(this.sql, "ORDER BY token, madeAt")];
  }

  /** Returns a token's secrets, the oldest first. */
  of(token: string): StoredSecret[] {
    return [...secrets.select(this.sql, "WHERE token = ? ORDER BY madeAt, until IS NULL", token)];
  }

  /** Adds a token's newest secret. The newest before ends at `oldUntil`; those before that end now. */
  add(token: string, sha256: string, now: number, oldUntil: number): void {
    secrets.delete(this.sql, "WHERE token = ? AND until IS NOT NULL", token);
    if (oldUntil > now) secrets.update(this.sql, { until: oldUntil }, "WHERE token = ?", token);
    else this.drop(token);
    secrets.insert(this.sql, { sha256, token, madeAt: now });
  }

  drop(token: string): void {
    secrets.delete(this.sql, "WHERE token = ?", token);
  }

  dropEnded(now: number): void {
    secrets.delete(this.sql, "WHERE until <= ?", now);
  }
}
