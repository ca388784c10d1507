import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AuditOrder, activeTokensMax, auditKeepMs, auditMaxRows, newTokenSchema } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { makeTokenSecret } from "#core/tokens.ts";
import { migrate } from "#objects/migrate.ts";
import type { NewAuditEntry, TokensApi } from "#objects/tokens/api.ts";
import type { TokensObject } from "#objects/tokens/index.ts";
import { migrations } from "#objects/tokens/migrations.ts";
import { IssuedTokens } from "#objects/tokens/tables/issued-tokens.ts";

const start = Date.UTC(2026, 10, 1, 10, 30);
const hourMs = 3600_000;
let n = 0;

/** An object of its own, whose alarm rings only when a test rings it. */
class Tokens {
  readonly stub = env.TOKENS.get(env.TOKENS.idFromName(`test-${n++}`)) as DurableObjectStub<TokensObject>;

  do<T>(work: (object: TokensApi, sql: SqlStorage) => T): Promise<T> {
    return runInDurableObject(this.stub, (object, { storage }) => work(object, storage.sql));
  }

  /** The ids whose secrets are valid, with when each ends. */
  async valid(): Promise<[string, number | null][]> {
    const { secrets } = await this.do((object) => object.sync(null, []));
    return (secrets ?? []).map(({ token, validUntil }) => [token.sha256, validUntil]);
  }
}

const order = (id: string, more: object = {}) => newTokenSchema.parse({ id, scopes: ["ask"], ...more });

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: start }));
afterEach(() => void vi.useRealTimers());

describe("the tokens' object", () => {
  it("has two secrets of a rotated token, then one, and none of a revoked one", async () => {
    const tokens = new Tokens();
    const [first, second, third] = (await Promise.all(["1", "2", "3"].map(sha256Hex))) as [string, string, string];
    expect(await tokens.do((object) => object.create(order("app"), first))).toMatchObject({ ok: true });
    const rotated = await tokens.do((object) => object.rotate("app", second, 24 * hourMs));
    expect(rotated).toMatchObject({ value: { oldValidUntil: start + 24 * hourMs, rotatedAt: start } });
    expect(new Map(await tokens.valid())).toEqual(
      new Map([
        [first, start + 24 * hourMs],
        [second, null],
      ]),
    );
    vi.setSystemTime(start + 24 * hourMs);
    expect(await tokens.valid()).toEqual([[second, null]]);
    // A rotation drops what an earlier one left, and may end the old secret at once.
    await tokens.do((object) => object.rotate("app", third, 0));
    expect(await tokens.valid()).toEqual([[third, null]]);
    expect(await tokens.do((object) => object.revoke("app"))).toMatchObject({ value: { revokedAt: Date.now() } });
    expect(await tokens.valid()).toEqual([]);
    for (const refused of [
      await tokens.do((object) => object.rotate("app", first, 0)),
      await tokens.do((object) => object.change("app", { scopes: ["admin"] })),
    ]) {
      expect(refused).toEqual({ ok: false, error: { kind: "token-revoked", id: "app" } });
    }
    // Questions keep the id as their owner.
    const again = await tokens.do((object) => object.create(order("app"), first));
    expect(again).toEqual({ ok: false, error: { kind: "token-exists", id: "app" } });
  });

  it("ends a token at its time, changes it, and says nothing twice", async () => {
    const tokens = new Tokens();
    const expiresAt = start + hourMs;
    await tokens.do((object) => object.create(order("app", { expiresAt }), "a".repeat(64)));
    const { revision, secrets } = await tokens.do((object) => object.sync(null, []));
    expect(secrets).toMatchObject([{ token: { id: "app", trusted: false, models: ["*"] }, validUntil: expiresAt }]);
    expect(await tokens.do((object) => object.sync(revision, []))).toEqual({ revision, secrets: null });
    await tokens.do((object) => object.change("app", { regions: ["north"], limits: { openQuestions: 5 } }));
    const changed = await tokens.do((object) => object.sync(revision, []));
    expect(changed.revision).toBe(revision + 1);
    expect(changed.secrets).toMatchObject([{ token: { regions: ["north"], limits: { openQuestions: 5 } } }]);
    vi.setSystemTime(expiresAt);
    expect(await tokens.valid()).toEqual([]);
  });

  it("keeps only hashes, and the hour of the last use", async () => {
    const tokens = new Tokens();
    const secret = makeTokenSecret("app");
    const sha256 = await sha256Hex(secret);
    await tokens.do((object) => object.create(order("app"), sha256));
    const hour = Math.floor(start / hourMs) * hourMs;
    const written = await tokens.do((object, sql) => {
      object.sync(null, [
        { id: "app", hour },
        { id: "nobody", hour },
      ]);
      const before = sql.exec("SELECT total_changes() AS n").one().n;
      object.sync(null, [
        { id: "app", hour: hour - hourMs },
        { id: "app", hour },
      ]);
      return Number(sql.exec("SELECT total_changes() AS n").one().n) - Number(before);
    });
    expect(written).toBe(0);
    expect(await tokens.do((object) => object.list(null))).toMatchObject({
      tokens: [{ lastUsedAt: hour }],
      next: null,
    });
    const stored = await tokens.do((_, sql) =>
      JSON.stringify(["tokens", "secrets", "audit"].map((table) => sql.exec(`SELECT * FROM ${table}`).toArray())),
    );
    expect(stored).toContain(sha256);
    expect(stored).not.toContain(secret.slice(-43));
    expect(JSON.stringify(await tokens.do((object) => object.list(null)))).not.toContain(sha256);
  });

  it("refuses more tokens than an edge holds, and lists them by page", async () => {
    const tokens = new Tokens();
    await tokens.do((_, sql) =>
      sql.exec(
        `INSERT INTO tokens SELECT printf('t%05d', value), '["ask"]', '["*"]', '["*"]', '{}', 0, 0, NULL, NULL, NULL
         FROM json_each('[' || substr(replace(hex(zeroblob(?)), '00', ',1'), 2) || ']')`.replace("value", "key"),
        activeTokensMax,
      ),
    );
    const full = await tokens.do((object) => object.create(order("one-more"), "b".repeat(64)));
    expect(full).toEqual({ ok: false, error: { kind: "tokens-full", max: activeTokensMax } });
    const names = newTokenSchema.shape.models.parse(Array.from({ length: 100 }, (_, i) => `${"m".repeat(60)}${i}`));
    await tokens.do((_, sql) => sql.exec("UPDATE tokens SET models = ?", JSON.stringify(names.slice(0, 13))));
    const large = await tokens.do((object) => object.change("t00001", { models: names }));
    expect(large).toMatchObject({ ok: false, error: { kind: "tokens-full" } });
    await tokens.do((_, sql) => sql.exec("UPDATE tokens SET models = '[]'"));
    await tokens.do((object) => object.revoke("t00000"));
    // An invitation counts once, however often it is made again.
    const invite = () => tokens.do((object) => object.invite({ id: "plant", share: "sums" }, "c".repeat(64)));
    expect([await invite(), await invite()]).toMatchObject([{ ok: true }, { ok: true }]);
    await tokens.do((object) => object.revoke("plant"));
    expect(await tokens.do((object) => object.create(order("one-more"), "b".repeat(64)))).toMatchObject({ ok: true });
    let listed = 0;
    for (let after: string | null = ""; after !== null; ) {
      const page = await tokens.do((object) => object.list(after));
      listed += page.tokens.length;
      after = page.next;
    }
    expect(listed).toBe(activeTokensMax + 2);
  });
});

describe("the audit log", () => {
  const entry = (more: Partial<NewAuditEntry> = {}): NewAuditEntry => ({
    ...{
      at: Date.now(),
      token: "admin",
      act: "roll out",
      model: "shop",
      region: null,
      target: "version 2",
      status: 200,
    },
    ...more,
  });

  it("is read in either order, from a number or a time on", async () => {
    const tokens = new Tokens();
    for (const at of [1, 2, 3, 4]) await tokens.do((object) => object.record(entry({ at })));
    const numbers = (after: number, from: number, limit: number, order: AuditOrder = "oldest") =>
      tokens.do((object) => object.audit({ after, from, limit, order }).map(({ number }) => number));
    expect(await numbers(0, 0, 3)).toEqual([1, 2, 3]);
    expect(await numbers(3, 0, 3)).toEqual([4]);
    expect(await numbers(0, 3, 3)).toEqual([3, 4]);
    expect(await numbers(9, 0, 3, "newest")).toEqual([4, 3, 2]);
    expect(await numbers(2, 0, 3, "newest")).toEqual([1]);
    expect(await numbers(9, 3, 3, "newest")).toEqual([4, 3]);
  });

  it("forgets an act after 400 days, and then needs no alarm", async () => {
    const tokens = new Tokens();
    await tokens.do((object) => object.record(entry()));
    vi.setSystemTime(start + auditKeepMs);
    await runDurableObjectAlarm(tokens.stub);
    expect(await tokens.do((object) => object.audit({ after: 0, from: 0, limit: 9 }))).toHaveLength(1);
    vi.setSystemTime(start + auditKeepMs + 25 * hourMs);
    await runDurableObjectAlarm(tokens.stub);
    expect(await tokens.do((object) => object.audit({ after: 0, from: 0, limit: 9 }))).toEqual([]);
    expect(await runDurableObjectAlarm(tokens.stub)).toBe(false);
  });

  it("is bounded, and a flood pushes out only its own", async () => {
    const tokens = new Tokens();
    const kept = await tokens.do((object, sql) => {
      object.record(entry());
      object.record(entry({ status: 409 }));
      const flood = auditMaxRows.refused + 1_000 - 3;
      sql.exec(
        `INSERT INTO audit (at, token, act, status) SELECT ?, 'publisher', 'store a blob', 403
         FROM json_each('[' || substr(replace(hex(zeroblob(?)), '00', ',1'), 2) || ']')`,
        ...[Date.now(), flood],
      );
      // The log is trimmed with each thousandth entry.
      object.record(entry({ token: "publisher", status: 403 }));
      const count = (status: number) => sql.exec("SELECT count(*) AS n FROM audit WHERE status = ?", status).one().n;
      return [count(200), count(409), count(403)];
    });
    expect(kept).toEqual([1, 1, auditMaxRows.refused - 1]);
  });
});

describe("the tokens of an earlier release", () => {
  it("of nodes that enrolled may contribute; invitations and other tokens may do what they might", async () => {
    const stub = env.TOKENS.get(env.TOKENS.idFromName("migrated-tokens"));
    const found = await runInDurableObject(stub, async (_, { storage }) => {
      await storage.deleteAll();
      migrate(storage, migrations.slice(0, 2));
      for (const [id, scopes] of [
        ["plant", '["rung","ask","teach"]'],
        ["invited", "[]"],
        ["other", '["rung"]'],
      ] as const) {
        storage.sql.exec("INSERT INTO tokens VALUES (?, ?, '[]', '[]', '{}', 1, 1, NULL, NULL, NULL)", id, scopes);
        if (id === "other") continue;
        storage.sql.exec("INSERT INTO nodes (id, share, invitedAt) VALUES (?, 'sums', 1)", id);
      }
      migrate(storage, migrations);
      const tokens = new IssuedTokens(storage.sql);
      return ["plant", "invited", "other"].map((id) => tokens.find(id)?.scopes);
    });
    expect(found).toEqual([["rung", "ask", "teach", "contribute"], [], ["rung"]]);
  });
});
