import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Answer, Ladder } from "#core/contract/index.ts";
import type { RegistryObject } from "#objects/registry/index.ts";
import { alertsOf, call, eventually, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const north = new TestRegion("together", "north");
const south = new TestRegion("together", "south");
let asked = 0;

beforeAll(async () => {
  const policy = { keep: "all", truth: "complete", ladder: ["edge", "region"], learning: [] } as const;
  await publish({ model: "together", threshold: 0, policy: { ...policy, ladder: [...policy.ladder], learning: [] } });
});

/** Asks questions that the edge accepts. */
function ask(region: TestRegion, n: number): Promise<Answer[]> {
  const ids = Array.from({ length: n }, () => `together~${region.region}~${asked++}`);
  const instances = ids.map((_, i) => ({ region: region.region, x0: 3 + (i % 5) / 10, x1: 1, x2: -0.5, x3: 2 }));
  return region.ask(instances, ids);
}

/** Asks one question at a time until the answer passes a check, then labels them all as right: a label that may still come holds the count. */
async function until(region: TestRegion, check: (answer: Answer) => void): Promise<void> {
  const answers: Answer[] = [];
  await eventually(async () => {
    const [answer] = (await ask(region, 1)) as [Answer];
    answers.push(answer);
    check(answer);
  });
  await region.teach(answers.map(({ id, label }) => ({ id, label })));
}

/** Asks questions, of which each `wrongEvery`th is labelled as wrong. */
async function live(region: TestRegion, n: number, wrongEvery = Number.POSITIVE_INFINITY): Promise<Answer[]> {
  const answers = await ask(region, n);
  const wrong = (label: string) => (label === "a" ? "b" : "a");
  await region.teach(
    answers.map(({ id, label }, i) => ({ id, label: (i + 1) % wrongEvery === 0 ? wrong(label) : label })),
  );
  return answers;
}

const groupOf = async () => {
  const { models } = await (await call("GET", "/v1/ladder")).json<Ladder>();
  return models.find(({ model }) => model === "together")?.group ?? null;
};
const ownOf = async (region: TestRegion) => (await region.inside((object) => object.state(1))).certificate;

/** What a later migration adds to the answers of a canary. */
const canaryColumns = [
  ...["label", "groupKey", "isBorrowed", "otherRevision", "otherAccepted", "otherPrediction", "otherError", "obstacle"],
];

describe("the certificate of regions together", () => {
  it("is valid before that of any region is, from the labels of all", async () => {
    await live(north, 60);
    expect(await ownOf(north)).toMatchObject({ status: "pending", expected: expect.any(String) });
    await eventually(async () => expect(await groupOf()).toMatchObject({ status: "pending", labels: 60 }));
    await live(south, 60);
    await eventually(async () => expect(await groupOf()).toMatchObject({ status: "valid", labels: 120, mean: 0 }));
    expect(await ownOf(south)).toMatchObject({ status: "pending" });
    await until(south, ({ certificate, uncertified }) => {
      expect(certificate).toMatchObject({ scope: "group:world", confidence: 0.95 });
      expect(uncertified).toMatchObject({ status: "pending" });
    });
    expect(await south.reportNow()).toContain("certificate-valid of all");
  });

  it("is not shown for a region that is proven wrong, and falls with it", async () => {
    await eventually(async () => {
      await live(south, 60, 1);
      expect(await ownOf(south)).toMatchObject({ status: "void" });
    });
    await until(south, ({ certificate }) => expect(certificate).toBeNull());
    expect(await south.reportNow()).toContain("certificate-void of south");
    await eventually(async () => {
      await live(north, 1);
      expect((await groupOf())?.status).not.toBe("valid");
    });
  });

  it("starts over in every region once it is proven wrong", async () => {
    await eventually(async () => {
      await live(north, 20, 1);
      const [window] = await north.rows("SELECT json_extract(state, '$.number') AS number FROM group_windows");
      expect(window?.number).toBeGreaterThan(1);
    });
    await eventually(async () => {
      await live(north, 1);
      expect(await groupOf()).toMatchObject({ status: "void", reason: expect.stringContaining("is above the target") });
    });
    const about = { kind: "certificate-void", region: null, detail: expect.stringContaining("is above the target") };
    expect(await alertsOf("together")).toContainEqual(expect.objectContaining(about));
  });

  it("begins in objects that the release before wrote", async () => {
    const stub = env.REGISTRY.get(env.REGISTRY.idFromName("together")) as DurableObjectStub<RegistryObject>;
    await runInDurableObject(stub, (_, { storage }) => {
      const later = [
        ...["group_sums", "groups", "turns", "ledger", "ledger_months", "demands", "reports"],
        ...["series", "webhooks", "alerts"],
      ];
      for (const table of later) storage.sql.exec(`DROP TABLE ${table}`);
      storage.sql.exec("ALTER TABLE regions DROP COLUMN epoch");
      storage.sql.exec("UPDATE schema SET migrations = 2");
    });
    // Its rule is still open.
    const world = new TestRegion("together", "world");
    await live(world, 1);
    await world.inside((object, { storage }) => {
      // Saves what it counted, which no timer does then.
      object.counts();
      for (const index of ["due", "group"]) storage.sql.exec(`DROP INDEX canary_answers_${index}`);
      for (const column of canaryColumns) storage.sql.exec(`ALTER TABLE canary_answers DROP COLUMN ${column}`);
      const later = [
        "group_windows",
        "bins",
        "canary_heads",
        "external_rungs",
        "leases",
        "untrusted_labels",
        "epoch",
        "head_blobs",
        "held_out_heads",
        ...["contributions", "contribution_sums", "checks"],
      ];
      for (const table of later) storage.sql.exec(`DROP TABLE ${table}`);
      storage.sql.exec("ALTER TABLE trials DROP COLUMN groupWindow");
      storage.sql.exec("ALTER TABLE runs DROP COLUMN acceptedOwners");
      storage.sql.exec("DROP INDEX samples_untrusted");
      for (const column of ["labelledBy", "trusted"]) storage.sql.exec(`ALTER TABLE samples DROP COLUMN ${column}`);
      for (const column of ["candidates", "top", "reviewLimit"])
        storage.sql.exec(`ALTER TABLE questions DROP COLUMN ${column}`);
      storage.sql.exec("CREATE INDEX questions_expiry ON questions (expiresAt)");
      storage.sql.exec("ALTER TABLE counts DROP COLUMN through");
      storage.sql.exec("UPDATE schema SET migrations = 4");
    });
    await evictDurableObject(stub);
    await evictDurableObject(world.stub);
    await live(world, 30);
    await eventually(async () => expect(await groupOf()).toMatchObject({ status: "pending", labels: 30, mean: 0 }));
  });
});
