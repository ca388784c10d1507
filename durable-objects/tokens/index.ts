import { DurableObject } from "cloudflare:workers";
import {
  type AuditEntry,
  activeTokensMax,
  invitationValidMs,
  type NewToken,
  type NodeOrder,
  type NodeRecord,
  type NodeReport,
  newTokenSchema,
  nodesMax,
  type Share,
  type TokenChange,
  type TokenRecord,
  type Tokens,
  tokensPageMaxRows,
} from "#core/contract/index.ts";
import { equalConstantTime } from "#core/hash.ts";
import { fail, ok, type Result } from "#core/result.ts";
import { Jobs } from "../jobs.ts";
import { migrate } from "../migrate.ts";
import type {
  AuditRequest,
  InvitationRefusal,
  IssuedSecret,
  NewAuditEntry,
  TokenRefusal,
  TokenSync,
  TokensApi,
  TokenUse,
} from "./api.ts";
import { migrations } from "./migrations.ts";
import { nodeRecordOf, recordOf, secretOf } from "./records.ts";
import { AuditLog } from "./tables/audit-log.ts";
import { IssuedTokens, type TokenRow } from "./tables/issued-tokens.ts";
import { Nodes } from "./tables/nodes.ts";
import { Revision } from "./tables/revision.ts";
import { Secrets } from "./tables/secrets.ts";

const tidyEveryMs = 24 * 3600_000;
/** What a node may do at the rung above: hand on its questions, and teach what became of them, or contribute sums. */
const nodeScopes = ["rung", "ask", "teach", "contribute"] as const;

/** The tokens of a deployment and its audit log. */
export class TokensObject extends DurableObject<Env> implements TokensApi {
  private readonly tokens: IssuedTokens;
  private readonly secrets: Secrets;
  private readonly revision: Revision;
  private readonly under: Nodes;
  private readonly log: AuditLog;
  private readonly jobs: Jobs;
  /** What every isolate asks for after a change, so that the tables are read once a revision. */
  private latest: { revision: number; secrets: IssuedSecret[] } | null = null;
  private readonly transaction = <T>(work: () => T): T => this.ctx.storage.transactionSync(work);

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, migrations);
    const { sql } = ctx.storage;
    this.tokens = new IssuedTokens(sql);
    this.secrets = new Secrets(sql);
    this.revision = new Revision(sql);
    this.under = new Nodes(sql);
    this.log = new AuditLog(sql);
    this.jobs = new Jobs(ctx.storage, { tidy: () => this.tidy() });
  }

  override async alarm(): Promise<void> {
    await this.jobs.runDue();
  }

  sync(known: number | null, uses: TokenUse[]): TokenSync {
    if (uses.length > 0) this.transaction(() => this.tokens.use(uses));
    const revision = this.revision.value();
    if (revision === known) return { revision, secrets: null };
    if (this.latest?.revision !== revision) this.latest = { revision, secrets: this.validSecrets() };
    const now = Date.now();
    return {
      revision,
      secrets: this.latest.secrets.filter(({ validUntil }) => validUntil === null || validUntil > now),
    };
  }

  list(after: string | null): Tokens {
    const rows = this.tokens.after(after ?? "", tokensPageMaxRows);
    const next = rows.length < tokensPageMaxRows ? null : (rows.at(-1)?.id ?? null);
    return { tokens: rows.map((row) => recordOf(row, this.secrets.of(row.id), Date.now())), next };
  }

  create(token: NewToken, sha256: string): Result<TokenRecord, TokenRefusal> {
    return this.transaction(() => {
      const now = Date.now();
      if (this.tokens.find(token.id)) return fail({ kind: "token-exists", id: token.id });
      if (!this.tokens.hasRoom(now, 1, token)) return fail({ kind: "tokens-full", max: activeTokensMax });
      this.tokens.add(token, now);
      this.secrets.add(token.id, sha256, now, now);
      return ok(this.changed(token.id));
    });
  }

  change(id: string, change: TokenChange): Result<TokenRecord, TokenRefusal> {
    return this.onValid(id, (now, { expiresAt }) => {
      const isExpired = (at: number | null | undefined) => at !== null && at !== undefined && at <= now;
      // One that has expired may become active again.
      const more = isExpired(expiresAt) && change.expiresAt !== undefined && !isExpired(change.expiresAt) ? 1 : 0;
      if (!this.tokens.hasRoom(now, more, change)) return { kind: "tokens-full", max: activeTokensMax };
      this.tokens.change(id, change as Partial<TokenRow>);
      return null;
    });
  }

  rotate(id: string, sha256: string, oldValidMs: number): Result<TokenRecord, TokenRefusal> {
    return this.onValid(id, (now) => {
      this.secrets.add(id, sha256, now, now + oldValidMs);
      return null;
    });
  }

  revoke(id: string): Result<TokenRecord, TokenRefusal> {
    return this.transaction(() => {
      const row = this.tokens.find(id);
      if (!row) return fail({ kind: "token-unknown", id });
      if (row.revokedAt !== null) return ok(recordOf(row, this.secrets.of(id), Date.now()));
      this.tokens.revoke(id, Date.now());
      this.secrets.drop(id);
      return ok(this.changed(id));
    });
  }

  invite({ id, share }: NodeOrder, sha256: string): Result<{ validUntil: number }, InvitationRefusal> {
    return this.transaction(() => {
      const now = Date.now();
      const validUntil = now + invitationValidMs;
      const [token, node] = [this.tokens.find(id), this.under.find(id)];
      if (token && !node) return fail({ kind: "token-exists", id });
      if (token && token.revokedAt !== null) return fail({ kind: "token-revoked", id });
      if (node && node.reportedAt !== null) return fail({ kind: "node-enrolled", id });
      if (!node && !this.under.hasRoom(now)) return fail({ kind: "nodes-full", max: nodesMax });
      const order = { ...newTokenSchema.parse({ id, scopes: nodeScopes, trusted: true, expiresAt: validUntil }) };
      // An invitation that is still valid is replaced: it counts already.
      const isActive = token !== null && (token.expiresAt === null || token.expiresAt > now);
      if (!isActive && !this.tokens.hasRoom(now, 1, order)) {
        return fail({ kind: "tokens-full", max: activeTokensMax });
      }
      if (token) this.tokens.change(id, { scopes: [], expiresAt: validUntil });
      else this.tokens.add({ ...order, scopes: [] }, now);
      this.secrets.add(id, sha256, now, now);
      this.under.invite(id, share, now);
      this.changed(id);
      return ok({ validUntil });
    });
  }

  enrol(id: string, invitation: string, sha256: string): { share: Share } | null {
    return this.transaction(() => {
      const now = Date.now();
      const [token, node] = [this.tokens.find(id), this.under.find(id)];
      const isInvited = node?.enrolledAt === null && token?.revokedAt === null && (token.expiresAt ?? 0) > now;
      const isOwn = this.secrets.of(id).some((secret) => equalConstantTime(secret.sha256, invitation));
      if (!isInvited || !isOwn) return null;
      this.tokens.change(id, { scopes: [...nodeScopes], expiresAt: null });
      this.secrets.add(id, sha256, now, now);
      this.under.enrol(id, now);
      this.changed(id);
      return { share: node.share };
    });
  }

  shareOf(id: string): Share | null {
    const node = this.under.find(id);
    return node?.enrolledAt == null ? null : node.share;
  }

  report(id: string, report: NodeReport): Share | null {
    const share = this.shareOf(id);
    if (share !== null) this.under.report(id, report, Date.now());
    return share;
  }

  nodes(): NodeRecord[] {
    return this.under.listed(Date.now()).map((row) => nodeRecordOf(row, this.tokens.find(row.id) as TokenRow));
  }

  record(entry: NewAuditEntry): void {
    this.transaction(() => {
      this.log.add(entry);
      this.tidyLater();
    });
  }

  audit(request: AuditRequest): AuditEntry[] {
    return this.log.read(request);
  }

  private onValid(
    id: string,
    work: (now: number, row: TokenRow) => TokenRefusal | null,
  ): Result<TokenRecord, TokenRefusal> {
    return this.transaction(() => {
      const row = this.tokens.find(id);
      if (!row) return fail({ kind: "token-unknown", id });
      if (row.revokedAt !== null) return fail({ kind: "token-revoked", id });
      const refusal = work(Date.now(), row);
      return refusal ? fail(refusal) : ok(this.changed(id));
    });
  }

  private changed(id: string): TokenRecord {
    this.revision.increase();
    this.tidyLater();
    return recordOf(this.tokens.find(id) as TokenRow, this.secrets.of(id), Date.now());
  }

  private validSecrets(): IssuedSecret[] {
    const now = Date.now();
    const active = new Map(this.tokens.active(now).map((row) => [row.id, row]));
    return this.secrets.all().flatMap((secret) => {
      const row = active.get(secret.token);
      return row ? [secretOf(row, secret)] : [];
    });
  }

  private tidyLater(): void {
    this.jobs.bringForward("tidy", "", Date.now() + tidyEveryMs);
  }

  // Secrets that have ended are refused by their time: deleting them changes no copy.
  private async tidy(): Promise<number | null> {
    const now = Date.now();
    this.transaction(() => {
      this.secrets.dropEnded(now);
      this.log.expire(now);
    });
    return this.log.isEmpty() ? null : now + tidyEveryMs;
  }
}
