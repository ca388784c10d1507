import type { IssuedToken, TokenRecord } from "#core/contract/index.ts";
import { formatTable } from "../../local/output.ts";

/** Describes a new secret with its token. */
export function describeIssued({ token, record }: IssuedToken): string {
  return `Token, shown only once:\n${token}\n${describeTokens([record])}`;
}

/** Describes tokens as a table. */
export function describeTokens(tokens: readonly TokenRecord[]): string {
  const rows = tokens.map((token) => [
    ...[token.id, stateOf(token), token.scopes.join(","), token.models.join(","), token.regions.join(",")],
    ...[limitsOf(token), token.trusted ? "yes" : "no", timeOf(token.lastUsedAt, 13)],
  ]);
  return formatTable([["id", "state", "scopes", "models", "regions", "limits", "trusted", "last used"], ...rows]);
}

function stateOf({ revokedAt, expiresAt, oldValidUntil }: TokenRecord): string {
  if (revokedAt !== null) return `revoked ${timeOf(revokedAt, 10)}`;
  if (expiresAt !== null && expiresAt <= Date.now()) return `expired ${timeOf(expiresAt, 10)}`;
  if (oldValidUntil !== null) return `old secret until ${timeOf(oldValidUntil, 16)}`;
  return expiresAt === null ? "valid" : `until ${timeOf(expiresAt, 10)}`;
}

function limitsOf({ limits }: TokenRecord): string {
  const { questionsPerMinute, openQuestions, reviewQuestions, contributionLabels } = limits;
  const named = {
    "/min": questionsPerMinute,
    " open": openQuestions,
    " in review": reviewQuestions,
    " contributed": contributionLabels,
  };
  const given = Object.entries(named).flatMap(([unit, n]) => (n === undefined ? [] : [`${n}${unit}`]));
  return given.join(", ") || "–";
}

/** Formats a time to the day, hour or minute. */
function timeOf(at: number | null, chars: number): string {
  return at === null ? "–" : new Date(at).toISOString().slice(0, chars).replace("T", " ");
}
