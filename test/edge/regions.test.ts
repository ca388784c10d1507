import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Answer, Ladder } from "#core/contract/index.ts";
import type { RegistryObject } from "#objects/registry/index.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const field = { from: "field" as const, name: "region", parent: "world" };
const cap = 5;
const anyRegion = { ...field, keys: ["world"], open: { perTokenPerDay: cap } };
const kept = { keep: "all" as const, truth: "complete" as const };

async function askMany(model: string, regions: readonly string[]): Promise<Answer[]> {
  const body = { instances: regions.map((region) => instance(1, region)) };
  const response = await expectOk(call("POST", `/v1/models/${model}/ask`, { token: "ask-token", body }));
  return (await response.json<{ answers: Answer[] }>()).answers;
}

/** Waits until a region's head answers: an edge learns of it from the region's replies. */
function untilVersion(model: string, region: string, version: string): Promise<void> {
  return eventually(async () => {
    const answer = await ask(model, { instance: instance(1, region), accept: "always" }, { token: "admin-token" });
    expect(answer.version).toBe(version);
  });
}

const names = (n: number, prefix: string) => Array.from({ length: n }, (_, i) => `${prefix} ${i}`);

describe("an unlisted region", () => {
  beforeAll(() =>
    publish({ model: "listing", threshold: 0, policy: { regions: { ...field, keys: ["north", "17"] } } }),
  );

  it("is answered by the parent, with a warning, and counted", async () => {
    const answer = await ask("listing", { instance: instance(1, "moon") });
    expect(answer).toMatchObject({
      region: "world",
      warnings: ["The model does not list the region 'moon': 'world' answered."],
    });
    expect((await ask("listing", { instance: instance(1, "north") })).warnings).toBeUndefined();
    const counted = await expectOk(call("GET", "/v1/ladder"));
    const { models } = await counted.json<Ladder>();
    expect(models.find(({ model }) => model === "listing")).toMatchObject({ unlisted: expect.any(Number) });
  });

  it("is not what a number names whose text is listed", async () => {
    const answer = await ask("listing", { instance: { ...(instance() as object), region: 17 } });
    expect([answer.region, answer.warnings]).toEqual(["17", undefined]);
  });
});

it("warns of fields that the model does not have", async () => {
  await publish({ model: "fields", threshold: 0 });
  const answer = await ask("fields", { instance: { ...(instance() as object), colour: "red", x9: 1 } });
  expect(answer.warnings).toEqual(["Ignored, since the model has no such columns: 'colour', 'x9'."]);
});

it("lists the columns and an example where a question has none of them", async () => {
  const response = await call("POST", "/v1/models/fields/ask", { token: "ask-token", body: { instance: {} } });
  const { errors, next } = await response.json<{ errors: { path: string }[]; next: string }>();
  expect([response.status, errors.map(({ path }) => path)]).toEqual([422, ["x0", "x1", "x2", "x3"]]);
  expect(next).toContain("Columns: x0: a number or null;");
});

describe("a region with a name of any characters", () => {
  it("asks, learns, is read, rolled back and forgotten as any other", async () => {
    const odd = ["St. Mary's", "North/East", "(none)", "a~b?c=1&d#e%f", "東京", "constructor", "toString"];
    await publish({ model: "odd-names", policy: { ...kept, regions: { ...field, keys: odd } } });
    const answers = await askMany("odd-names", odd);
    expect(answers.map(({ region }) => region)).toEqual(odd);
    for (const [i, name] of odd.entries()) {
      const id = (answers[i] as Answer).id;
      await expectOk(call("POST", `/v1/questions/${encodeURIComponent(id)}/truth`, { body: { label: "a" } }));
      expect((await call("GET", `/v1/questions/${encodeURIComponent(id)}`)).status).toBeLessThan(300);
      const path = `/v1/models/odd-names/regions/${encodeURIComponent(name)}`;
      const { state } = await (await expectOk(call("GET", path))).json<{
        state: { region: string; samples: object };
      }>();
      expect(state.region).toBe(name);
      await expectOk(call("DELETE", path));
    }
  });

  it("has a head of its own", async () => {
    const region = new TestRegion("odd-heads", "North/East (2~3)");
    await publish({ model: region.model, policy: { ...kept, regions: { ...field, keys: [region.region] } } });
    await region.teach(
      region.labelledQuestions(300).map((one, i) => {
        const id = `odd-heads~${encodeURIComponent(region.region).replaceAll("~", "%7E")}~${i}`;
        return { ...one, question: { ...one.question, id } };
      }),
    );
    const path = `/v1/models/odd-heads/regions/${encodeURIComponent(region.region)}/retrain`;
    const run = await expectOk(call("POST", path, { body: { at: 200_000 }, headers: { prefer: "wait=25" } }));
    expect(await run.json()).toMatchObject({ status: "promoted" });
    await untilVersion("odd-heads", region.region, `1+${region.region}.1`);
  });
});

describe("regions that open", () => {
  it("open up to the token's limit of a day, however many are named at once or one by one", async () => {
    await publish({ model: "opening", threshold: 0, policy: { ...kept, regions: anyRegion } });
    const first = await askMany("opening", names(1_000, "store"));
    const opened = first.filter(({ region }) => region !== "world");
    expect(opened.map(({ region }) => region)).toEqual(names(cap, "store"));
    expect(first[cap]?.warnings?.[0]).toBe(
      "The region 'store 5' was not opened, since this token has opened 5 today: 'world' answered.",
    );
    for (const name of names(20, "later"))
      expect((await ask("opening", { instance: instance(1, name) })).region).toBe("world");
    expect((await ask("opening", { instance: instance(1, "store 2") })).region).toBe("store 2");
    await eventually(async () => {
      const list = await call("GET", "/v1/models/opening/regions");
      const { regions } = await list.json<{ regions: { region: string }[] }>();
      expect(regions.map(({ region }) => region)).toEqual([...names(cap, "store"), "world"]);
    });
    // Another token has a limit of its own.
    const other = await ask("opening", { instance: instance(1, "elsewhere") }, { token: "admin-token" });
    expect([other.region, other.warnings]).toEqual(["elsewhere", undefined]);
  });

  it("do not open for an invalid name, nor by reading", async () => {
    const answer = await ask("opening", { instance: instance(1, " ") }, { token: "admin-token" });
    expect(answer).toMatchObject({
      region: "world",
      warnings: ["' ' is not a valid name of a region: 'world' answered."],
    });
    expect((await call("GET", "/v1/models/opening/regions/nowhere")).status).toBe(404);
    expect((await call("GET", "/v1/questions/opening~nowhere~1")).status).toBe(404);
  });

  it("are answered by the parent's head at once, and by their own after their labels", async () => {
    const model = "inheriting";
    const parent = new TestRegion(model, "world");
    await publish({ model, threshold: 0, policy: { ...kept, regions: anyRegion } });
    await parent.teach(parent.labelledQuestions(300));
    expect(await parent.retrain()).toMatchObject({ status: "promoted" });
    await untilVersion(model, "world", "1+world.1");
    const store = new TestRegion(model, "new store");
    const fresh = await ask(model, { instance: instance(1, store.region), accept: "always" }, { token: "admin-token" });
    expect(fresh).toMatchObject({
      region: "new store",
      version: "1+world.1",
      certificate: null,
      uncertified: { status: "pending", reason: "the region is new: 'world' answers for it until it has labels" },
    });
    const labelled = store.labelledQuestions(300, 11).map((one, i) => {
      // Another custom than the parent's: its head would be wrong here.
      const label = one.label === "a" ? "b" : one.label === "b" ? "a" : one.label;
      return { label, question: { ...one.question, id: `${model}~new%20store~${i}` } };
    });
    await store.teach(labelled);
    const path = `/v1/models/${model}/regions/new%20store/retrain`;
    const run = await expectOk(call("POST", path, { body: { at: 200_000 }, headers: { prefer: "wait=25" } }));
    expect(await run.json()).toMatchObject({ status: "promoted" });
    await untilVersion(model, store.region, "1+new store.1");
  });
});

it("opens regions in a registry that the release before wrote", async () => {
  await publish({ model: "from-before", threshold: 0, policy: { ...kept, regions: anyRegion } });
  await ask("from-before", { instance: instance(1, "world") });
  const stub = env.REGISTRY.get(env.REGISTRY.idFromName("from-before")) as DurableObjectStub<RegistryObject>;
  // The state that migration 1 alone leaves.
  await runInDurableObject(stub, (_, { storage }) => {
    const later = [
      ...["opened_regions", "group_sums", "groups", "turns", "ledger", "ledger_months", "demands", "reports"],
      ...["series", "webhooks", "alerts"],
    ];
    for (const table of later) storage.sql.exec(`DROP TABLE ${table}`);
    storage.sql.exec("ALTER TABLE regions DROP COLUMN epoch");
    storage.sql.exec("UPDATE schema SET migrations = 1");
  });
  await evictDurableObject(stub);
  const answer = await ask("from-before", { instance: instance(1, "late") });
  expect(answer.region).toBe("late");
});
