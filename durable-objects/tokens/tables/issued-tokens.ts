import { activeTokensMax, type NewToken, type Scope, type TokenLimits } from "#core/contract/index.ts";
import { flag, json, nullable, number, type RowOf, table, text } from "../../table.ts";
import type { TokenUse } from "../api.ts";

const tokens = table("tokens", {
  id: text(),
  scopes: json<Scope[]>(),
  models: json<string[]>(),
  regions: json<string[]>(),
  limits: json<TokenLimits>(),
  trusted: flag(),
  createdAt: number(),
  expiresAt: nullable(number()),
  lastUsedAt: nullable(number()),
  revokedAt: nullable(number()),
});

/** A token as it is stored, without its secrets. */
export type TokenRow = RowOf<typeof tokens>;

/** Bytes of the active tokens' models, regions and limits together; far below what one reply of an object may have. */
const activeMaxBytes = 8 * 1024 * 1024;
const bytes = "length(CAST(models || regions || limits AS BLOB))";
const isActive = "revokedAt IS NULL AND (expiresAt IS NULL OR expiresAt > ?)";

/** The table `tokens`: what each token may do. A row is never deleted, so that an id never gets another holder. */
export class IssuedTokens {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  find(id: string): TokenRow | null {
    return tokens.first(this.sql, "WHERE id = ?", id);
  }

  after(id: string, limit: number): TokenRow[] {
    return [...tokens.select(this.sql, "WHERE id > ? ORDER BY id LIMIT ?", id, limit)];
  }

  active(now: number): TokenRow[] {
    return [...tokens.select(this.sql, `WHERE ${isActive} ORDER BY id`, now)];
  }

  /** Whether there is room for `more` tokens with fields of so many bytes: an isolate holds a copy of all. */
  hasRoom(now: number, more: number, fields: object): boolean {
    const query = `SELECT count(*) AS n, coalesce(sum(${bytes}), 0) AS bytes FROM tokens WHERE ${isActive}`;
    const used = this.sql.exec<{ n: number; bytes: number }>(query, now).one();
    const added = new TextEncoder().encode(JSON.stringify(fields)).byteLength;
    return used.n + more <= activeTokensMax && used.bytes + added <= activeMaxBytes;
  }

  add(token: NewToken, now: number): void {
    tokens.insert(this.sql, { ...token, createdAt: now });
  }

  change(id: string, change: Partial<TokenRow>): void {
    if (Object.keys(change).length > 0) tokens.update(this.sql, change, "WHERE id = ?", id);
  }

  revoke(id: string, now: number): void {
    tokens.update(this.sql, { revokedAt: now }, "WHERE id = ?", id);
  }

  /** Records uses; an hour that is not later than the known one writes nothing. */
  use(uses: readonly TokenUse[]): void {
    for (const { id, hour } of uses) {
      const query = "UPDATE tokens SET lastUsedAt = ?2 WHERE id = ?1 AND (lastUsedAt IS NULL OR lastUsedAt < ?2)";
      this.sql.exec(query, id, hour);
    }
  }
}
