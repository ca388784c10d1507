import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type {
  Enrolment,
  Invitation,
  Ladder,
  NodeKeys,
  NodeReport,
  Nodes,
  Problem,
  TokenState,
} from "#core/contract/index.ts";
import { migrate } from "#objects/migrate.ts";
import type { TokensObject } from "#objects/tokens/index.ts";
import { migrations } from "#objects/tokens/migrations.ts";
import { call, expectOk } from "../helpers/edge.ts";
import { testKeys } from "../helpers/keys.ts";

const start = Date.UTC(2026, 10, 24, 12);
const minuteMs = 60_000;
let n = 0;

const report: NodeReport = {
  version: "0.2.0",
  models: [{ model: "lines", version: 3, revision: 9 }],
  backlog: 12,
  share: "sums",
  host: { memoryBytes: 8e9, cores: 4, arch: "x64" },
};

async function invite(id = `plant-${n++}`, order: object = {}): Promise<Invitation> {
  return (await expectOk(call("POST", "/v1/nodes", { body: { id, ...order } }))).json();
}

const enrol = (id: string, token: string) => call("POST", `/v1/nodes/${id}/enrol`, { token, body: {} });

async function enrolled(order: object = {}): Promise<Enrolment> {
  const { id, token } = await invite(undefined, order);
  return (await expectOk(enrol(id, token))).json();
}

async function node(id: string) {
  const { nodes } = await (await call("GET", "/v1/nodes", { token: "metrics-token" })).json<Nodes>();
  return nodes.find((one) => one.id === id);
}

const next = async (response: Response) => (await response.json<Problem>()).next;

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: start }));
afterEach(() => void vi.useRealTimers());

describe("an invitation of a node", () => {
  it("is used once, for a token of its own and the keys that it trusts", async () => {
    const { id, token, ...rest } = await invite("plant-7", { share: "sums" });
    expect(rest).toEqual({ share: "sums", validUntil: start + 15 * minuteMs });
    expect(await node(id)).toMatchObject({ share: "sums", enrolledAt: null, revokedAt: null, last: null });
    const own: Enrolment = await (await expectOk(enrol(id, token))).json();
    const { publishKeys, deploymentKeys } = own;
    expect([publishKeys, deploymentKeys]).toEqual([testKeys.publish.publicKeys, testKeys.deployment.publicKeys]);
    expect(own).toMatchObject({ id, share: "sums", token: expect.stringMatching(/^up_plant-7_[\w-]{43}$/) });
    const state: TokenState = await (await call("GET", "/v1/token", { token: own.token })).json();
    expect(state).toMatchObject({
      id,
      scopes: ["rung", "ask", "teach", "contribute"],
      models: ["*"],
      regions: ["*"],
      trusted: true,
    });
    expect((await enrol(id, token)).status).toBe(401);
    const again = await enrol(id, own.token);
    expect([again.status, await next(again)]).toEqual([
      404,
      expect.stringContaining("npx upriver node invite plant-7"),
    ]);
  });

  it("may do nothing else, ends after 15 minutes, and may be made again until the node has reported", async () => {
    const { id, token } = await invite();
    expect((await call("GET", "/v1/models", { token })).status).toBe(403);
    expect((await call("POST", `/v1/nodes/${id}/alive`, { token, body: report })).status).toBe(403);
    expect((await enrol("plant-of-others", token)).status).toBe(404);
    vi.setSystemTime(start + 15 * minuteMs);
    expect((await enrol(id, token)).status).toBe(401);
    const second = await invite(id);
    expect((await enrol(id, token)).status).toBe(401);
    // The reply is lost: the token that it had is worth nothing once there is another invitation.
    const lost: Enrolment = await (await expectOk(enrol(id, second.token))).json();
    const third = await invite(id);
    expect((await call("GET", "/v1/token", { token: lost.token })).status).toBe(401);
    const own: Enrolment = await (await expectOk(enrol(id, third.token))).json();
    await expectOk(call("POST", `/v1/nodes/${id}/alive`, { token: own.token, body: report }));
    const fourth = await call("POST", "/v1/nodes", { body: { id } });
    expect([fourth.status, await next(fourth)]).toEqual([409, expect.stringContaining("npx upriver node restore")]);
  });

  it("is refused for an id that a token has, for a wrong body, and by any but an admin of everything", async () => {
    await expectOk(call("POST", "/v1/tokens", { body: { id: "kiosk", scopes: ["ask"] } }));
    const status = async (body: object, token?: string) =>
      (await call("POST", "/v1/nodes", { body, ...(token ? { token } : {}) })).status;
    expect(await status({ id: "kiosk" })).toBe(409);
    expect(await status({ id: "a/b" })).toBe(422);
    expect(await status({ id: "x", share: "all" })).toBe(422);
    expect(await status({ id: "x" }, "publish-token")).toBe(403);
    const { id } = await enrolled();
    await expectOk(call("DELETE", `/v1/tokens/${id}`));
    expect(await status({ id })).toBe(409);
  });

  it("and its use are in the audit log", async () => {
    const { id, token } = await invite();
    await expectOk(enrol(id, token));
    const lines = (await (await call("GET", "/v1/audit?order=newest")).text()).trimEnd().split("\n");
    const acts = lines.map((line) => JSON.parse(line)).filter((entry) => entry.target === id);
    expect(acts).toMatchObject([
      { token: id, act: "enrol a node", status: 201 },
      { token: "admin", act: "invite a node", status: 201 },
    ]);
    expect(lines.join()).not.toContain(token.slice(-43));
  });
});

describe("a node", () => {
  const alive = (id: string, token: string, body: object = report) =>
    call("POST", `/v1/nodes/${id}/alive`, { token, body });

  it("reports with its own token; its last report is shown, in the ladder as well", async () => {
    const [{ id, token }, other] = [await enrolled({ share: "sums" }), await enrolled()];
    const keys: NodeKeys = await (await expectOk(alive(id, token, { ...report, backlog: 99 }))).json();
    expect(keys).toMatchObject({ share: "sums", publishKeys: testKeys.publish.publicKeys });
    expect(await (await call("GET", `/v1/nodes/${id}/keys`, { token })).json()).toEqual(keys);
    vi.setSystemTime(start + 15_000);
    await expectOk(alive(id, token, { ...report, told: "by a later release" }));
    expect(await node(id)).toMatchObject({ enrolledAt: start, last: { at: start + 15_000, ...report } });
    for (const refused of [alive(id, other.token), alive(id, "rung-token"), alive("below", "rung-token")]) {
      expect((await refused).status).toBe(404);
    }
    const ladder: Ladder = await (await call("GET", "/v1/ladder", { token: "metrics-token" })).json();
    expect(ladder.nodes?.find((one) => one.id === id)?.last).toEqual({ at: start + 15_000, ...report });
    // Nothing of them for a token that is limited to a region.
    const limited: Ladder = await (await call("GET", "/v1/ladder", { token: "south-token" })).json();
    expect(limited).not.toHaveProperty("nodes");
    expect((await call("GET", "/v1/nodes", { token: "south-token" })).status).toBe(403);
  });

  it("has a report of a bounded size", async () => {
    const { id, token } = await enrolled();
    const models = Array.from({ length: 201 }, (_, i) => ({ model: `m-${i}`, version: 1, revision: 1 }));
    expect((await alive(id, token, { ...report, models })).status).toBe(422);
    expect((await alive(id, token, { ...report, version: "x".repeat(40_000) })).status).toBe(413);
    expect((await alive(id, token, { ...report, backlog: -1 })).status).toBe(422);
    expect((await node(id))?.last).toBe(null);
  });

  it("that was revoked gets 401, and stays listed for 30 days", async () => {
    const { id, token } = await enrolled();
    await expectOk(alive(id, token));
    await expectOk(call("DELETE", `/v1/tokens/${id}`));
    expect((await alive(id, token)).status).toBe(401);
    expect(await node(id)).toMatchObject({ revokedAt: start, last: { backlog: 12 } });
    vi.setSystemTime(start + 31 * 24 * 60 * minuteMs);
    expect(await node(id)).toBeUndefined();
  });

  it("costs one row for each report", async () => {
    const stub = env.TOKENS.get(env.TOKENS.idFromName(`nodes-${n++}`)) as DurableObjectStub<TokensObject>;
    const written = await runInDurableObject(stub, (object, { storage: { sql } }) => {
      object.invite({ id: "plant", share: "samples" }, "a".repeat(64));
      object.enrol("plant", "a".repeat(64), "b".repeat(64));
      const before = Number(sql.exec("SELECT total_changes() AS n").one().n);
      object.report("plant", report);
      return Number(sql.exec("SELECT total_changes() AS n").one().n) - before;
    });
    expect(written).toBe(1);
  });
});

describe("the tokens' state of an earlier release", () => {
  it("keeps its tokens, and takes nodes", async () => {
    const stub = env.TOKENS.get(env.TOKENS.idFromName(`nodes-${n++}`)) as DurableObjectStub<TokensObject>;
    await runInDurableObject(stub, async (object, { storage }) => {
      await storage.deleteAll();
      migrate(storage, migrations.slice(0, 1));
      storage.sql.exec(`INSERT INTO tokens VALUES ('app', '["ask"]', '["*"]', '["*"]', '{}', 1, 5, NULL, NULL, NULL)`);
      storage.sql.exec("INSERT INTO secrets VALUES (?, 'app', 5, NULL)", "c".repeat(64));
      storage.sql.exec("UPDATE revision SET value = 7");
      migrate(storage, migrations);
      expect(object.sync(null, [])).toMatchObject({ revision: 8, secrets: [{ token: { id: "app" } }] });
      expect(object.nodes()).toEqual([]);
      expect(object.invite({ id: "app", share: "samples" }, "a".repeat(64))).toMatchObject({ ok: false });
      expect(object.invite({ id: "plant", share: "samples" }, "a".repeat(64))).toMatchObject({ ok: true });
      expect(object.nodes()).toMatchObject([{ id: "plant", enrolledAt: null }]);
    });
  });
});
