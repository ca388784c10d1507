import { FaultError } from "#core/http/fault.ts";
import type { InvitationRefusal } from "#objects/tokens/api.ts";

/** Says why a token is not made or changed, or a node not invited, and what to do. */
export function tokenFault(refusal: InvitationRefusal): FaultError {
  const next = "GET /v1/tokens lists the tokens.";
  switch (refusal.kind) {
    case "token-unknown":
      return new FaultError({ kind: "not-found", what: `token '${refusal.id}'`, next });
    case "token-exists": {
      const rotate = `Rotate it for a new secret ('npx upriver token rotate ${refusal.id}'), or choose another id: a revoked one stays taken.`;
      const received = `'${refusal.id}', which is taken`;
      return new FaultError({ kind: "conflict", expected: "an id that no token had", received, next: rotate });
    }
    case "token-revoked":
      return new FaultError({
        kind: "conflict",
        expected: "a token that is not revoked",
        received: `'${refusal.id}', which is`,
        next: "Create a token with another id.",
      });
    case "tokens-full": {
      const expected = `at most ${refusal.max} tokens at a time, with 8 MiB of names of models and regions`;
      return new FaultError({ kind: "conflict", expected, received: "more", next: "Revoke tokens without use." });
    }
    case "node-enrolled":
      return new FaultError({
        kind: "conflict",
        expected: "a node that has not reported yet",
        received: `'${refusal.id}', which has`,
        next: `Restore its backup ('npx upriver node restore'), or invite a node with another id.`,
      });
    case "nodes-full": {
      const expected = `at most ${refusal.max} nodes, those revoked within 30 days included`;
      return new FaultError({ kind: "conflict", expected, received: "more", next: "Revoke nodes without use." });
    }
  }
}
