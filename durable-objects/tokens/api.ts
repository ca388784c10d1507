import type {
  AuditEntry,
  AuditOrder,
  NewToken,
  NodeOrder,
  NodeRecord,
  NodeReport,
  Share,
  TokenChange,
  TokenRecord,
  Tokens,
} from "#core/contract/index.ts";
import type { Result } from "#core/result.ts";
import type { Token } from "#core/tokens.ts";

/** The name of the deployment's one object. */
export const tokensObjectName = "tokens";

/** A secret that is valid, as the edge knows it: the hash in its token, and until when (ms since 1970; null for ever). */
export interface IssuedSecret {
  token: Token;
  validUntil: number | null;
}

/** The hour (ms since 1970) in which an isolate saw a token used. */
export interface TokenUse {
  id: string;
  hour: number;
}

/** The valid secrets at a revision; null where the caller has that revision already. */
export interface TokenSync {
  revision: number;
  secrets: IssuedSecret[] | null;
}

/** An act as the edge records it. */
export type NewAuditEntry = Omit<AuditEntry, "number">;

/** Which entries of the audit log are read, and how many at most. */
export interface AuditRequest {
  /** The number of the last entry that is known: larger numbers follow, in the order `newest` smaller ones. */
  after: number;
  /** ms since 1970. */
  from: number;
  limit: number;
  /** The oldest first unless given. */
  order?: AuditOrder;
}

/** Why a token is not created, changed or rotated. */
export type TokenRefusal =
  | { kind: "token-exists"; id: string }
  | { kind: "token-unknown"; id: string }
  | { kind: "token-revoked"; id: string }
  | { kind: "tokens-full"; max: number };

/** Why a node is not invited. */
export type InvitationRefusal =
  | TokenRefusal
  | { kind: "node-enrolled"; id: string }
  | { kind: "nodes-full"; max: number };

/** What the deployment's tokens do for the edge. The object never sees a secret, only its SHA-256. */
export interface TokensApi {
  /** Returns the valid secrets, unless `known` is the present revision, and takes the uses that an isolate has seen. */
  sync(known: number | null, uses: TokenUse[]): TokenSync;
  /** Lists tokens by id, those after `after`. */
  list(after: string | null): Tokens;
  /** Creates a token with the hash of its secret. An id is never used again, since questions keep it as their owner. */
  create(token: NewToken, sha256: string): Result<TokenRecord, TokenRefusal>;
  /** Changes what a token may do. */
  change(id: string, change: TokenChange): Result<TokenRecord, TokenRefusal>;
  /** Gives a token another secret. The one before stays valid for `oldValidMs`; an older one ends. */
  rotate(id: string, sha256: string, oldValidMs: number): Result<TokenRecord, TokenRefusal>;
  /** Ends a token and its secrets. A revoked one stays revoked. */
  revoke(id: string): Result<TokenRecord, TokenRefusal>;
  /**
   * Invites a node: its token has no scope, the secret with this hash, and ends soon. A node that has not reported yet may be
   * invited again: the reply to its enrolment may have been lost. Returns until when the invitation is valid.
   */
  invite(order: NodeOrder, sha256: string): Result<{ validUntil: number }, InvitationRefusal>;
  /** Makes the token of an invitation the node's own, with another secret; null where `invitation` is none that is valid. */
  enrol(id: string, invitation: string, sha256: string): { share: Share } | null;
  /** Returns what an enrolled node shares; null for any other. */
  shareOf(id: string): Share | null;
  /** Keeps the last report of an enrolled node, and returns what it shares; null for any other. */
  report(id: string, report: NodeReport): Share | null;
  /** Lists the nodes by id. */
  nodes(): NodeRecord[];
  /** Adds an act to the audit log. */
  record(entry: NewAuditEntry): void;
  /** Reads the audit log. */
  audit(request: AuditRequest): AuditEntry[];
}
