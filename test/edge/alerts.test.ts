import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { newsOf } from "#core/alerts.ts";
import type { AddedWebhook, Alerts } from "#core/contract/index.ts";
import { migrate } from "#objects/migrate.ts";
import type { RegionReport } from "#objects/region/api.ts";
import { Alerting } from "#objects/registry/alerting.ts";
import { migrations } from "#objects/registry/migrations.ts";
import { AlertTables } from "#objects/registry/tables/alerts.ts";
import { alertsOf, ask, call, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const model = "alerted";
const path = `/v1/models/${model}/webhooks`;

async function webhooks(): Promise<Alerts["webhooks"]> {
  return (await (await expectOk(call("GET", `/v1/models/${model}/alerts`))).json<Alerts>()).webhooks;
}

beforeAll(async () => {
  await publish({ model, threshold: 1.01, policy: { ladder: ["edge", "region"] } });
  await ask(model, { instance: instance(1) });
});

describe("alerts", () => {
  it("are raised once when a condition begins, and not for one that was known before", async () => {
    const registry = env.REGISTRY.get(env.REGISTRY.idFromName(model));
    const report = await new TestRegion(model).inside(async (object): Promise<RegionReport> => {
      return { base: 1, activity: object.counts(), state: await object.state(1) };
    });
    const reportOf = (own: object, open = 0) => {
      const state = { ...report.state, ...own } as RegionReport["state"];
      return registry.report("north", { ...report, activity: { ...report.activity, open }, state });
    };
    await registry.registerRegion("north");
    const drift = { drift: { at: 0, alarm: true, against: "before" } };
    await reportOf(drift, 99);
    await reportOf({ ...drift, certificate: { ...report.state?.certificate, status: "void" } }, 100);
    await reportOf({ certificate: { ...report.state?.certificate, status: "valid" } }, 120);
    // It begins again within the hour.
    await reportOf(drift, 100);
    const known = (await alertsOf(model)).map(({ kind, region }) => [kind, region]);
    expect(known.toReversed()).toEqual([
      ["drift", "north"],
      ["certificate-void", "north"],
      ["queue", null],
      ["certificate-valid", "north"],
    ]);
    expect(newsOf("north", null, { breaker: "closed", certificate: { status: "valid" } as never })).toEqual([]);
  });

  it.each([
    ["retrain-held", { lastRun: { status: "held" } }],
    ["retrain-failed", { lastRun: { status: "failed" } }],
    ["escalation-does-not-pay", { escalation: { status: "does-not-pay", unasked: 0 } }],
  ] as const)("are raised of a region: %s", (kind, state) => {
    const closed = { breaker: "closed" } as const;
    expect(newsOf("north", closed, { ...closed, ...state })).toMatchObject([{ kind, region: "north" }]);
    expect(newsOf("north", { ...closed, ...state }, { ...closed, ...state })).toEqual([]);
  });

  it("start with an empty list after the migration", async () => {
    const list = await runInDurableObject(
      env.REGISTRY.get(env.REGISTRY.idFromName("alerted-before")),
      (_, { storage }) => {
        storage.sql.exec("DROP TABLE webhooks");
        storage.sql.exec("DROP TABLE alerts");
        storage.sql.exec("UPDATE schema SET migrations = 9");
        migrate(storage, migrations);
        const tables = new AlertTables(storage.sql);
        const before = [tables.all(), tables.webhooks()];
        const alert = { at: 0, region: null, title: "", detail: "" };
        tables.add({ ...alert, id: "canary", kind: "canary" });
        for (let i = 0; i < 210; i++) tables.add({ ...alert, id: `test ${i}`, kind: "test" });
        return [...before, tables.all().length, tables.alert("canary")?.kind];
      },
    );
    // Tests push out only tests.
    expect(list).toEqual([[], [], 11, "canary"]);
  });
});

describe("a webhook", () => {
  it("whose receiver did not reply in time is not tried again at once, except by a test", async () => {
    const inTime = vi.spyOn(AbortSignal, "timeout");
    inTime.mockImplementation(() => AbortSignal.abort(new DOMException("too late", "TimeoutError")));
    const failures = await runInDurableObject(
      env.REGISTRY.get(env.REGISTRY.idFromName("alerted-late")),
      async (_, { storage }) => {
        const keys: string[] = [];
        const jobs = { put: (_kind: string, key: string) => void keys.push(key), drop: () => {}, keys: () => keys };
        const tables = new AlertTables(storage.sql);
        const alerting = new Alerting({ model: "alerted-late", tables, jobs, allowsLocal: false });
        const added = alerting.add({ url: "https://alerts.example.com/", form: "json" }, "admin");
        const news = { kind: "drift", title: "Input drift", detail: "" } as const;
        alerting.raise(["north", "south"].map((region) => ({ ...news, region })));
        if (added.ok) alerting.test(added.value.webhook.id);
        const failureOf = (key: string) => alerting.deliver(key).then(String, (error: Error) => error.message);
        const found: string[] = [];
        for (const key of keys) found.push(await failureOf(key));
        return found;
      },
    );
    inTime.mockRestore();
    expect(failures.map((text) => text.replace(/^\w+ \w+ /, ""))).toEqual([
      "was not taken: the receiver did not reply in time",
      "rests: it did not reply in time",
      "was not taken: the receiver did not reply in time",
    ]);
  });

  it("is listed without its secret and its path, and removed", async () => {
    const body = { url: "https://alerts.example.com/T0/secret-path", kinds: ["drift"] };
    const added = await expectOk(call("POST", path, { body }));
    const { webhook, secret } = await added.json<AddedWebhook>();
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    const text = await (await expectOk(call("GET", `/v1/models/${model}/alerts`))).text();
    expect([text.includes(secret), text.includes("secret-path")]).toEqual([false, false]);
    expect(webhook).toMatchObject({
      host: "https://alerts.example.com",
      kinds: ["drift"],
      createdBy: "admin",
      last: null,
    });
    await expectOk(call("DELETE", `${path}/${webhook.id}`));
    expect(await webhooks()).toEqual([]);
    expect((await call("DELETE", `${path}/${webhook.id}`)).status).toBe(404);
    expect((await call("POST", `${path}/${webhook.id}/test`, { body: {} })).status).toBe(404);
  });

  it.for([
    "http://example.com/",
    "http://localhost:9/",
    "https://user:word@example.com/",
    "file:///etc/passwd",
    "ftp://example.com",
    "example.com",
  ])("is refused at %s", async (url) => {
    expect((await call("POST", path, { body: { url } })).status).toBe(422);
  });

  it("is refused with more kinds than there are", async () => {
    const body = { url: "https://alerts.example.com/", kinds: Array.from({ length: 13 }, () => "drift") };
    expect((await call("POST", path, { body })).status).toBe(422);
  });

  it("is refused beyond ten of a model, for an unknown model, and for a token without the scope", async () => {
    const url = "https://alerts.example.com/";
    for (let n = 0; n < 10; n++) await expectOk(call("POST", path, { body: { url } }));
    expect((await call("POST", path, { body: { url } })).status).toBe(409);
    for (const { id } of await webhooks()) await expectOk(call("DELETE", `${path}/${id}`));
    expect((await call("POST", "/v1/models/no-such-model/webhooks", { body: { url } })).status).toBe(404);
    expect((await call("POST", path, { body: { url }, token: "ask-token" })).status).toBe(403);
  });
});
