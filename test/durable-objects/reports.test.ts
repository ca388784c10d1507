import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Ladder, RegionStates } from "#core/contract/index.ts";
import { noCounts, sumCounts } from "#core/counts.ts";
import { totalsOf } from "#core/region-totals.ts";
import { app } from "#edge/app.ts";
import type { RegionReport } from "#objects/region/api.ts";
import { boundedReport } from "#objects/region/reporting.ts";
import type { RegistryObject } from "#objects/registry/index.ts";
import { Looks } from "#objects/registry/looks.ts";
import { EdgeCounts } from "#objects/registry/tables/edge-counts.ts";
import { Reports } from "#objects/registry/tables/reports.ts";
import { SeriesTable } from "#objects/registry/tables/series.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const registryOf = (model: string) =>
  env.REGISTRY.get(env.REGISTRY.idFromName(model)) as DurableObjectStub<RegistryObject>;

async function ladderOf(model: string) {
  const { models } = await (await expectOk(call("GET", "/v1/ladder"))).json<Ladder>();
  return models.find((one) => one.model === model);
}

async function page(model: string, query = ""): Promise<RegionStates> {
  return (await expectOk(call("GET", `/v1/models/${model}/regions${query}`))).json();
}

/** A report as a region sent it, of another region. */
async function reportOf(model: string): Promise<RegionReport> {
  const region = new TestRegion(model);
  const [activity, state] = await region.inside(async (object) => [object.counts(), await object.state(1)] as const);
  return { base: 1, activity, state };
}

/** The same report with another state, which is too large for a report. */
function withLargeState(report: RegionReport, own: object): RegionReport {
  const state = { ...report.state, rule: { note: "x".repeat(70_000) }, ...own } as unknown as RegionReport["state"];
  return { ...report, state };
}

/** A model whose edge accepts nothing: its regions get each question. */
const escalated = { threshold: 1.01, policy: { ladder: ["edge" as const, "region" as const] } };

beforeAll(async () => {
  for (const model of ["reported-few", "reported-many", "reported-moving", "reported-older"])
    await publish({ model, ...escalated });
  for (const model of ["reported-few", "reported-many", "reported-moving", "reported-older"])
    await ask(model, { instance: instance(1) });
  for (const model of ["reported-few", "reported-many", "reported-moving", "reported-older"]) {
    await eventually(async () => expect(await ladderOf(model)).toMatchObject({ questions: 1, unanswered: [] }));
  }
});

describe("a region's reports", () => {
  it("are sent once for all changes of some seconds, and are as good as asking it", async () => {
    await runInDurableObject(registryOf("reported-few"), (_, { storage }) => {
      storage.sql.exec("CREATE TABLE log (region TEXT)");
      storage.sql.exec("CREATE TRIGGER logged AFTER INSERT ON reports BEGIN INSERT INTO log VALUES (new.region); END");
    });
    for (let i = 0; i < 30; i++) await ask("reported-few", { instance: instance(i) });
    await eventually(async () => expect(await ladderOf("reported-few")).toMatchObject({ questions: 31 }));
    const sent = await runInDurableObject(registryOf("reported-few"), (_, { storage }) => {
      return storage.sql.exec("SELECT * FROM log").toArray().length;
    });
    expect(sent).toBeLessThanOrEqual(2);
    const [reported, asked] = [await page("reported-few"), await page("reported-few", "?fresh=true")];
    expect(reported.regions[0]).toEqual({ ...asked.regions[0], asOf: expect.any(Number) });
  });

  it("have totals: what one that was lost said is in the next", async () => {
    await ask("reported-few", { instance: instance(101) });
    await evictDurableObject(new TestRegion("reported-few").stub);
    await ask("reported-few", { instance: instance(102) });
    await eventually(async () => expect(await ladderOf("reported-few")).toMatchObject({ questions: 33, open: 0 }));
  });

  it("are dropped with the region, and not taken of one that is unknown", async () => {
    const gone = new TestRegion("reported-few", "south");
    await ask("reported-few", { instance: instance(1, "south") });
    await eventually(async () => expect(await ladderOf("reported-few")).toMatchObject({ regions: 2 }));
    await gone.forgetAll();
    expect(await ladderOf("reported-few")).toMatchObject({ regions: 1, questions: 33 });
    expect(await registryOf("reported-few").report("south", await reportOf("reported-few"))).toBeNull();
    expect(await ladderOf("reported-few")).toMatchObject({ regions: 1, questions: 33 });
  });

  it("are bounded: counts of earlier versions are added up, and a brief stands for a large state", async () => {
    const report = await reportOf("reported-few");
    const versions = Array.from({ length: 40 }, (_, i) => ({ base: i + 1, counts: { ...noCounts(), questions: 1 } }));
    const bounded = boundedReport({ ...report, activity: { ...report.activity, versions } });
    expect(bounded.activity.versions.map(({ base }) => base)).toEqual(versions.slice(-24).map(({ base }) => base));
    expect(sumCounts(bounded.activity.versions.map(({ counts }) => counts)).questions).toBe(40);
    expect(boundedReport(report)).not.toHaveProperty("brief");
    const large = boundedReport(withLargeState(report, { drift: { alarm: true, at: 5, against: "x".repeat(9_000) } }));
    expect([large.state, large.activity]).toEqual([null, report.activity]);
    expect(large.brief).toEqual({
      ...{ samples: report.state?.samples, archived: 0, headManifest: null, escalation: null },
      certificate: { status: "pending", labelsNeeded: report.state?.certificate?.labelsNeeded },
      ...{ drift: { alarm: true }, lastRun: null },
    });
    expect(totalsOf(large)).toEqual({ ...totalsOf(report), drift: 1 });
  });
});

describe("a look at many regions", () => {
  const names = Array.from({ length: 250 }, (_, i) => `r-${String(i).padStart(3, "0")}`);

  it("lists them page by page, with sums over all", async () => {
    const report = await reportOf("reported-many");
    const { receipts } = await runInDurableObject(registryOf("reported-many"), (object) => {
      for (const name of names) object.registerRegion(name);
      const receipts = names.map((region) => {
        const activity = { ...report.activity, region };
        return object.report(region, { ...report, activity, state: report.state && { ...report.state, region } });
      });
      return { receipts };
    });
    // With more regions each reports less often.
    expect(receipts[0]).toMatchObject({ everyMs: 10_000, trailingMs: 10_000 });
    expect(receipts.at(-1)).toMatchObject({ everyMs: 251 * 250, trailingMs: 251_000 });
    const found: string[] = [];
    const sizes: number[] = [];
    for (let after: string | null = ""; after !== null; ) {
      const { regions, next, sums }: RegionStates = await page("reported-many", `?after=${encodeURIComponent(after)}`);
      found.push(...regions.map(({ region }) => region));
      sizes.push(regions.length);
      expect(sums).toMatchObject({ regions: 251, bases: { 1: 251 } });
      after = next;
    }
    expect(found).toEqual(["north", ...names].sort());
    expect(sizes).toEqual([100, 100, 51]);
    expect((await page("reported-many", "?limit=3")).regions).toHaveLength(3);
  });

  it("lists those first that need attention most", async () => {
    const report = await reportOf("reported-many");
    const certificate = { ...report.state?.certificate, status: "void" };
    const needy: [string, object][] = [
      ["r-007", { drift: { at: 0, alarm: true, against: "…" } }],
      ["r-120", { certificate }],
      ["r-200", { certificate, drift: { at: 0, alarm: true, against: "…" } }],
    ];
    await runInDurableObject(registryOf("reported-many"), (object) => {
      for (const [region, own] of needy) {
        const state = { ...report.state, region, ...own } as RegionReport["state"];
        object.report(region, { ...report, activity: { ...report.activity, region }, state });
      }
    });
    const { regions, next } = await page("reported-many", "?by=need&limit=5");
    expect([regions.map(({ region }) => region), next]).toEqual([["r-200", "r-120", "r-007"], null]);
  });

  it("knows the need of a region whose state is too large for a report, and raises its alerts once", async () => {
    const report = await reportOf("reported-many");
    const voided = { certificate: { ...report.state?.certificate, status: "void" } };
    const stub = registryOf("reported-many");
    const sent = async (own: object) => {
      const { state, ...large } = boundedReport(withLargeState(report, own));
      await stub.report("r-249", { ...large, state, activity: { ...report.activity, region: "r-249" } });
    };
    const alerts = async () => (await stub.alerts()).alerts.filter(({ region }) => region === "r-249").length;
    await sent({});
    expect(await alerts()).toBe(0);
    await sent(voided);
    expect(await alerts()).toBe(1);
    const neediest = async () => {
      const list = { by: "need", limit: 9 } as const;
      const look = await runInDurableObject(stub, (object) => object.look({ only: null, list }));
      return [look.regions.map(({ region }) => region), look.totals.certificates.void];
    };
    expect(await neediest()).toEqual([["r-200", "r-120", "r-249", "r-007"], 3]);
    await evictDurableObject(stub);
    expect(await neediest()).toEqual([["r-200", "r-120", "r-249", "r-007"], 3]);
    // As the release before stored it: what it said is not known, and may have been told.
    await runInDurableObject(stub, (_, { storage: { sql } }) => {
      sql.exec("UPDATE reports SET value = json_remove(value, '$.brief') WHERE region = 'r-249'");
    });
    await evictDurableObject(stub);
    expect(await neediest()).toEqual([["r-200", "r-120", "r-007"], 2]);
    await sent({ ...voided, drift: { alarm: true } });
    expect(await neediest()).toEqual([["r-200", "r-249", "r-120", "r-007"], 3]);
    expect(await alerts()).toBe(1);
  });

  it("is one call of the registry, and of no region", async () => {
    const calls: string[] = [];
    const counted = (object: "REGION" | "REGISTRY" | "REVIEW") => {
      const real = env[object] as unknown as DurableObjectNamespace;
      const get = (id: DurableObjectId) =>
        new Proxy(real.get(id) as object, {
          get:
            (stub, method) =>
            (...values: unknown[]) => {
              if (id.name === "reported-many" || id.name?.startsWith("reported-many~"))
                calls.push(`${object}.${String(method)}`);
              return (stub as Record<string | symbol, (...values: unknown[]) => unknown>)[method]?.(...values);
            },
        });
      return { get, idFromName: (name: string) => real.idFromName(name) };
    };
    const doubles = { REGION: counted("REGION"), REGISTRY: counted("REGISTRY"), REVIEW: counted("REVIEW") };
    const bindings = { ...env, ...doubles } as unknown as Env;
    const context = { waitUntil: () => {}, passThroughOnException() {}, props: {} } as unknown as ExecutionContext;
    for (const path of ["/v1/ladder", "/metrics", "/v1/models/reported-many/regions"]) {
      const headers = { authorization: "Bearer admin-token" };
      const response = await app.fetch(new Request(`https://edge.test${path}`, { headers }), bindings, context);
      expect(response.status).toBe(200);
      await response.arrayBuffer();
    }
    const known = [...Array(3).fill("REGISTRY.look"), "REVIEW.size", "REVIEW.size"];
    expect(calls.filter((one) => one !== "REGISTRY.pointer").sort()).toEqual(known);
  });
});

describe("reports that the registry lacks", () => {
  it("are fetched after a rollout, for the version that serves", async () => {
    await publish({ model: "reported-moving", version: 2, seed: 2, ...escalated });
    await eventually(async () => {
      const { regions, sums } = await page("reported-moving");
      expect(regions).toMatchObject([{ region: "north", base: 2 }]);
      expect(sums.bases[2]).toBe(1);
    });
  });

  it("are fetched from regions that are at rest, where the release before kept none", async () => {
    const stub = registryOf("reported-older");
    await runInDurableObject(stub, (_, { storage }) => {
      storage.sql.exec("DROP TABLE reports");
      for (const table of ["series", "webhooks", "alerts"]) storage.sql.exec(`DROP TABLE ${table}`);
      storage.sql.exec("UPDATE schema SET migrations = 7");
    });
    await evictDurableObject(stub);
    expect(await ladderOf("reported-older")).toMatchObject({ questions: 0, unanswered: ["north"], asOf: null });
    // Meanwhile the list asks the region itself.
    expect((await page("reported-older")).regions).toMatchObject([{ region: "north", base: 1 }]);
    await eventually(async () =>
      expect(await ladderOf("reported-older")).toMatchObject({ questions: 1, unanswered: [] }),
    );
  });

  it("are asked for again by a later look where one region did not reply", async () => {
    await runInDurableObject(registryOf("reported-moving"), async (_, { storage: { sql } }) => {
      const asked: string[] = [];
      const pointer = { model: "reported-moving", revision: 9, stable: 9, previous: null, canary: null, heldBack: {} };
      const looks = new Looks({
        ...{ reports: new Reports(sql), edgeCounts: new EdgeCounts(sql) },
        canary: () => null,
        ...{ rollout: { pointer: () => pointer }, groups: { state: () => null } },
        ...{
          isOnNode: false,
          series: new SeriesTable(sql),
          alerting: { raise: () => {} },
          outages: { note: () => {} },
        },
        jobs: { bringForward: (kind) => void asked.push(kind) },
        spendings: { state: () => Promise.reject() as never },
        readRegion: () => Promise.reject(new Error("no reply")),
        transaction: (work) => work(),
      });
      const look = () => looks.look({ only: null });
      for (let i = 0; i < 2; i++) look();
      expect(asked).toEqual(["ask-regions"]);
      await looks.ask();
      look();
      expect(asked).toEqual(["ask-regions", "ask-regions"]);
    });
  });

  it("are named in a list of regions that are asked, where they do not reply", async () => {
    const REGION = {
      idFromName: (name: string) => name,
      get: () => ({ state: () => Promise.reject(new Error("down")) }),
    };
    const context = { waitUntil: () => {}, passThroughOnException() {}, props: {} } as unknown as ExecutionContext;
    const url = "https://edge.test/v1/models/reported-few/regions?fresh=true";
    const request = new Request(url, { headers: { authorization: "Bearer admin-token" } });
    const response = await app.fetch(request, { ...env, REGION } as unknown as Env, context);
    expect(await response.json()).toMatchObject({ regions: [], silent: ["north"] });
  });
});
