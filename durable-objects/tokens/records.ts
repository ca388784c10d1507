import type { NodeRecord, TokenRecord } from "#core/contract/index.ts";
import type { IssuedSecret } from "./api.ts";
import type { TokenRow } from "./tables/issued-tokens.ts";
import type { NodeRow } from "./tables/nodes.ts";
import type { StoredSecret } from "./tables/secrets.ts";

/** Describes a token to an admin: without hashes. */
export function recordOf(row: TokenRow, secrets: readonly StoredSecret[], now: number): TokenRecord {
  const newest = secrets.find(({ until }) => until === null);
  const old = secrets.find(({ until }) => until !== null && until > now);
  return { ...row, rotatedAt: newest?.madeAt ?? row.createdAt, oldValidUntil: old?.until ?? null };
}

/** Describes a secret to the edge. It ends with its token, or before. */
export function secretOf(row: TokenRow, { sha256, until }: StoredSecret): IssuedSecret {
  const { id, scopes, models, regions, limits, trusted, expiresAt } = row;
  const ends = [until, expiresAt].filter((end) => end !== null);
  const token = { id, sha256, scopes, models, regions, limits, trusted };
  return { token, validUntil: ends.length === 0 ? null : Math.min(...ends) };
}

/** Describes a node to those who watch it. */
export function nodeRecordOf({ reportedAt, report, ...node }: NodeRow, { revokedAt }: TokenRow): NodeRecord {
  const last = reportedAt !== null && report !== null ? { at: reportedAt, ...report } : null;
  return { ...node, revokedAt, last };
}
