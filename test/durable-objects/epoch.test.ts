import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { GroupSums } from "#core/confidence/group.ts";
import type { Checks, RegionDetail, SampleLine } from "#core/contract/index.ts";
import type { RegistryObject } from "#objects/registry/index.ts";
import { GroupSumStore } from "#objects/registry/tables/group-sums.ts";
import { call, eventually, expectOk, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const model = "epochs";
const registry = () => env.REGISTRY.get(env.REGISTRY.idFromName(model)) as DurableObjectStub<RegistryObject>;

beforeAll(async () => {
  await publish({ model, threshold: 0, policy: { ladder: ["edge", "region"], truth: "complete" } });
});

/** The cursor of the release before: a revision for each region. */
const cursorBefore = (revisions: Record<string, number>) => btoa(encodeURIComponent(JSON.stringify(revisions)));

async function pull(region: TestRegion, since?: string): Promise<{ lines: SampleLine[]; cursor: string }> {
  const query = since === undefined ? "" : `?since=${encodeURIComponent(since)}`;
  const text = await (await expectOk(call("GET", `/v1/models/${model}/samples${query}`))).text();
  const all = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  return { lines: all.slice(0, -1).filter((line) => line.region === region.region), cursor: all.at(-1).cursor };
}

/** Loses the object: its tables are empty, as those of a new one. */
async function lose(region: TestRegion): Promise<void> {
  await region.inside(async (_, { storage }) => {
    await storage.deleteAlarm();
    await storage.deleteAll();
  });
  await evictDurableObject(region.stub);
}

const known = async (region: TestRegion) => {
  await eventually(async () => expect(await registry().regions()).toContain(region.region));
};

describe("a region's object that lost its state", () => {
  it("is read from its first sample on, whatever revision the reader had, and has its head again", async () => {
    const north = new TestRegion(model, "north");
    await north.teach(north.labelledQuestions(200));
    expect(await north.retrain()).toMatchObject({ status: "promoted" });
    await known(north);
    const { cursor } = await pull(north);
    await lose(north);
    // As many samples as before and some more: their revisions pass the reader's.
    const again = north.labelledQuestions(210, 31);
    await north.teach(again);
    const { lines, cursor: next } = await pull(north, cursor);
    expect(lines).toHaveLength(again.length);
    expect((await pull(north, next)).lines).toEqual([]);
    await eventually(async () => {
      expect(await north.inside((object) => object.headPointers())).toMatchObject([
        { base: 1, pointer: { head: { number: 1 } } },
      ]);
    });
    const path = `/v1/models/${model}/regions/north`;
    const { history } = await (await expectOk(call("GET", path))).json<RegionDetail>();
    expect(history.map(({ action }) => action)).toEqual(["region-lost", "head"]);
    const { findings } = await (await expectOk(call("GET", "/v1/checks"))).json<Checks>();
    expect(findings.find(({ check }) => check === `${model}: heads`)?.found).toContain(
      "the object of north lost its state",
    );
    // Its next head has the next number. The region's custom has turned round: a head that follows it is better.
    const turned = north.labelledQuestions(600, 41).map((one) => ({ ...one, label: one.label === "a" ? "b" : "a" }));
    await north.teach(turned);
    expect(await north.retrain(300_000)).toMatchObject({ status: "promoted", report: { head: 2 } });
  });

  it("keeps in the group's sums what it had counted, once", async () => {
    const sums = (labels: number) => ({ escalated: labels }) as GroupSums;
    const counted = await runInDurableObject(registry(), (_, { storage: { sql } }) => {
      const store = new GroupSumStore(sql);
      // By the release before, by the same object, by the one after it was lost.
      store.set(9, "north", "", sums(40));
      store.set(9, "north", "one", sums(60));
      store.set(9, "north", "one", sums(70));
      store.set(9, "north", "two", sums(5));
      return store.all(9).map(({ escalated }) => escalated);
    });
    expect(counted).toEqual([70, 5]);
  });
});

describe("a cursor and a region that the release before wrote", () => {
  it("go on where they were", async () => {
    const south = new TestRegion(model, "south");
    const labelled = south.labelledQuestions(9);
    await south.teach(labelled);
    await known(south);
    await south.inside((_, { storage: { sql } }) => {
      const later = ["epoch", "head_blobs", "held_out_heads", "contributions", "contribution_sums", "checks"];
      for (const table of later) sql.exec(`DROP TABLE ${table}`);
      sql.exec("DELETE FROM jobs WHERE kind = 'heads'");
      sql.exec("CREATE INDEX questions_expiry ON questions (expiresAt)");
      sql.exec("ALTER TABLE counts DROP COLUMN through");
      sql.exec("INSERT INTO heads (base, revision) VALUES (1, 1)");
      sql.exec("UPDATE schema SET migrations = 12");
    });
    await evictDurableObject(south.stub);
    const { lines, cursor } = await pull(south, cursorBefore({ south: 4 }));
    expect(lines.map(({ revision }) => revision)).toEqual([5, 6, 7, 8, 9]);
    expect((await pull(south, cursor)).lines).toEqual([]);
    expect(await south.rows("SELECT kind FROM jobs WHERE kind = 'heads'")).toHaveLength(1);
    // An object that was lost since is behind the cursor: only then a cursor without an epoch shows it.
    await lose(south);
    await south.teach(labelled.slice(0, 3));
    expect((await pull(south, cursorBefore({ south: 9 }))).lines).toHaveLength(3);
  });
});
