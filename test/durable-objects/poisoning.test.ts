import { beforeAll, describe, expect, it } from "vitest";
import type { Answer, RegionRun } from "#core/contract/index.ts";
import { call, eventually, expectOk, publish } from "../helpers/edge.ts";
import { type LabelledQuestion, TestRegion } from "../helpers/region.ts";

const policy = { keep: "all", truth: "complete" } as const;
const trusted = 500;
const permuted: Record<string, string> = { a: "b", b: "c", c: "a" };

/** Publishes a model and gives its region 500 labels of the owner's backend, from which it learns. */
async function learned(model: string): Promise<TestRegion> {
  const region = new TestRegion(model);
  await publish({ model, threshold: 0.5, policy });
  await region.teach(region.labelledQuestions(trusted));
  expect(await region.retrain()).toMatchObject({ status: "promoted" });
  return region;
}

const lie = (question: LabelledQuestion) => ({ ...question, label: permuted[question.label] as string });

/** Sends labels in one request, as a caller does who wants them to be believed. */
function teachAs(token: string, { model }: TestRegion, truths: readonly LabelledQuestion[]): Promise<Response> {
  const owned = truths.map(({ label, question: { at: _, ...question } }) => ({ label, question }));
  return call("POST", `/v1/models/${model}/truths`, { token, body: { truths: owned } });
}

/** Counts the lies among the answers to 200 questions of another caller. */
async function liesTo(region: TestRegion, token = "other-token"): Promise<number> {
  // The reply of the region's object says that there is a newer head.
  await region.ask(
    [region.labelledQuestions(1)[0]?.question.instance ?? {}],
    [`${region.model}~north~${crypto.randomUUID()}`],
  );
  const fresh = region.labelledQuestions(200, 77);
  const body = { instances: fresh.map(({ question }) => question.instance), accept: "always" };
  const response = await expectOk(call("POST", `/v1/models/${region.model}/ask`, { token, body }));
  const { answers } = await response.json<{ answers: Answer[] }>();
  return answers.filter(({ label }, i) => label === permuted[fresh[i]?.label as string]).length;
}

const latest = (region: TestRegion) => region.retrain(Date.now() + 1_000);
const stateOf = (region: TestRegion) => region.inside((object) => object.state(1));
const headOf = async (region: TestRegion) => (await stateOf(region)).headManifest?.head.blob.sha256;

describe("900 permuted labels in one request", () => {
  it("of a token that is not trusted are refused, and other callers get no more lies than before", async () => {
    const region = await learned("poisoned");
    const before = await liesTo(region);
    const sums = await region.sums();
    const refused = await teachAs("stranger-token", region, region.labelledQuestions(900, 13).map(lie));
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({
      detail: expect.stringMatching(/^The limit is 14 labels of this token/),
    });
    const [lied] = region.labelledQuestions(1, 13).map(lie) as [LabelledQuestion];
    const borrowed = {
      truths: [{ label: lied.label, question: { instance: lied.question.instance }, labelledBy: "admin" }],
    };
    const path = `/v1/models/${region.model}/truths`;
    expect((await call("POST", path, { token: "stranger-token", body: borrowed })).status).toBe(403);
    expect(await latest(region)).toMatchObject({ status: "refused" });
    expect(await region.sums()).toEqual(sums);
    const after = await liesTo(region);
    console.log(JSON.stringify({ attack: "one request, not trusted", lies: { before, after }, of: 200 }));
    expect(after).toBe(before);
    expect((await stateOf(region)).influence).toMatchObject({ untrusted: 0, refusedToday: 900 });
  });

  it("of a trusted token are believed, until its labels are forgotten: then nothing of them is left", async () => {
    const region = await learned("betrayed");
    const [before, sums, head] = [await liesTo(region), await region.sums(), await headOf(region)];
    await expectOk(teachAs("teach-token", region, region.labelledQuestions(900, 13).map(lie)));
    await latest(region);
    const during = await liesTo(region);
    expect(during).toBeGreaterThan(150);
    const path = `/v1/models/${region.model}/samples?owner=teacher`;
    expect((await call("DELETE", path, { token: "teach-token" })).status).toBe(403);
    const forgotten = await expectOk(call("DELETE", path));
    expect(await forgotten.json()).toEqual({
      ...{ model: region.model, owners: ["teacher"], forgotten: 900 },
      regions: [{ region: "north", samples: 900, retrains: true }],
    });
    expect(await region.sums()).toEqual(sums);
    const between = await liesTo(region);
    expect(await latest(region)).toMatchObject({ status: "promoted" });
    expect(await headOf(region)).toBe(head);
    const after = await liesTo(region);
    console.log(JSON.stringify({ attack: "one request, trusted", lies: { before, during, between, after }, of: 200 }));
    expect(after).toBe(before);
    expect(await (await expectOk(call("DELETE", path))).json()).toMatchObject({ forgotten: 0, regions: [] });
  });
});

describe("labels of tokens that are not trusted", () => {
  let region: TestRegion;

  beforeAll(async () => {
    region = await learned("slowly");
  });

  it("are limited in a day, for one and for all of many, and in all over 60 days", async () => {
    const { limits } = (await stateOf(region)).influence ?? {};
    expect(limits).toEqual({ inAll: 29, ofOwner: 14, perDay: 5, ofOwnerPerDay: 5 });
    const lies = region.labelledQuestions(60 * 12, 21).map(lie);
    const given: number[] = [];
    for (let d = 0; d < 60; d++) {
      // Three tokens of one person, each of which gives four labels a day.
      let taken = 0;
      for (let token = 0; token < 3; token++) {
        const own = lies.slice(d * 12 + token * 4, d * 12 + token * 4 + 4);
        taken += await region.inside(async (object) => {
          const owner = `sybil ${token}`;
          const context = {
            owner,
            labelledBy: owner,
            trusted: false,
            source: "truth",
            labelledAt: Date.now(),
          } as const;
          const results = [];
          for (const { label, question } of own) {
            results.push(await object.recordTruths(1, [{ ...question, label }], context));
          }
          return results.filter(({ ok }) => ok).length;
        });
      }
      given.push(taken);
      await region.rows("UPDATE untrusted_labels SET day = day - 1");
    }
    expect(Math.max(...given)).toBe(limits?.perDay);
    expect(given.reduce((sum, taken) => sum + taken, 0)).toBe(limits?.inAll);
    const before = await liesTo(region);
    const run = await latest(region);
    const after = await liesTo(region);
    console.log(JSON.stringify({ attack: "60 days, three tokens", run: run.status, lies: { before, after }, of: 200 }));
    expect(after - before).toBeLessThanOrEqual(4);
    // Nothing else is new: what they change waits for a person.
    expect(run.status).toBe("held");
  });
});

describe("a retrain that labels of a token without trust decide", () => {
  it("waits for a person, who accepts them or forgets them", async () => {
    const region = new TestRegion("partnered");
    await publish({ model: region.model, threshold: 0.5, policy });
    await region.teach(region.labelledQuestions(60));
    expect((await region.retrain()).status).toBe("promoted");
    const [head, sums] = [await headOf(region), await region.sums()];
    await region.inside((object) => {
      const partner = { owner: "partner", labelledBy: "partner", trusted: false, source: "truth" } as const;
      // These five show by chance what the 60 of the region do not.
      const labels = region.labelledQuestions(5, 42).map(({ label, question }) => ({ ...question, label }));
      return object.recordTruths(1, labels, { ...partner, labelledAt: Date.now() });
    });
    const held = {
      status: "held",
      report: { heldFor: ["partner"] },
      reason: expect.stringContaining("--accept-owner"),
    };
    expect(await latest(region)).toMatchObject(held);
    expect(await headOf(region)).toBe(head);
    const path = `/v1/models/${region.model}/regions/north`;
    const { runs } = await (await expectOk(call("GET", `${path}/runs`))).json<{ runs: RegionRun[] }>();
    expect(runs[0]).toMatchObject(held);
    const body = { at: Date.now() + 1_000, acceptOwners: ["partner"] };
    const accepted = await expectOk(call("POST", `${path}/retrain`, { body, headers: { prefer: "wait=25" } }));
    expect(await accepted.json()).toMatchObject({ status: "promoted" });
    // The head in use has learned from them now: they are new no more.
    expect((await latest(region)).status).toBe("refused");
    // The object dies when the global head serves and nothing is deleted yet: its job finishes.
    await region.inside(async (object, { storage }) => {
      const { forgettingOwner } = object as unknown as { forgettingOwner: { needs: { forgetting: object } } };
      const { forgetting } = forgettingOwner.needs;
      forgettingOwner.needs.forgetting = {
        remove: () => {
          throw new Error("the object died here");
        },
      };
      await object.forgetOwner("partner").catch(() => {});
      forgettingOwner.needs.forgetting = forgetting;
      storage.sql.exec("UPDATE jobs SET due = 1 WHERE kind = 'forget-owner'");
      await object.alarm();
    });
    expect(await region.rows("SELECT 1 FROM samples WHERE trusted = 0")).toEqual([]);
    expect(await region.rows("SELECT 1 FROM jobs WHERE kind = 'forget-owner'")).toEqual([]);
    expect(await region.sums()).toEqual(sums);
    // The retrain without them was ordered before the object died.
    await eventually(async () => expect(await headOf(region)).toBe(head));
  });
});

describe("a label that a token without trust gives to a question of its own", () => {
  const judged = [
    ...["trials", "thresholds", "windows", "escalations", "canary_answers"].map((table) => `SELECT * FROM ${table}`),
    "SELECT json_remove(value, '$.labels') FROM counts",
  ];

  async function asked(model: string, truth: "complete" | "some"): Promise<{ region: TestRegion; ids: string[] }> {
    const region = new TestRegion(model);
    await publish({ model, threshold: 0.4, policy: { auditShare: 1, keep: "all", truth } });
    const ids = Array.from({ length: 5 }, (_, i) => `${model}~north~own-${i}`);
    const questions = region.labelledQuestions(5).map(({ question: { instance } }, i) => ({ id: ids[i], instance }));
    const path = `/v1/models/${model}/ask`;
    await expectOk(call("POST", path, { token: "stranger-token", body: { questions } }));
    return { region, ids };
  }

  const tablesOf = (region: TestRegion) => Promise.all(judged.map((query) => region.rows(query)));

  const teach = (ids: readonly string[], token = "stranger-token") =>
    Promise.all(ids.map((id) => expectOk(call("POST", `/v1/questions/${id}/truth`, { token, body: { label: "a" } }))));

  it("judges, certifies and moves nothing, and its audit still waits for a person", async () => {
    const { region, ids } = await asked("unmoved", "some");
    const accepted = "SELECT id FROM questions WHERE accepted = 1 AND audited = 1 ORDER BY id";
    expect((await region.rows(accepted)).length).toBeGreaterThan(0);
    const before = await tablesOf(region);
    const audits = "SELECT id FROM questions WHERE audited = 1 AND (inReview = 1 OR reviewAt IS NOT NULL) ORDER BY id";
    const waiting = await region.rows(audits);
    await teach(ids);
    expect(await tablesOf(region)).toEqual(before);
    expect(await region.rows(audits)).toEqual(waiting);
    expect(await region.rows("SELECT DISTINCT label, trusted FROM samples")).toEqual([{ label: "a", trusted: 0 }]);
    // A label that may judge comes first for all that it counts in, and the stranger's never replaces it.
    await teach(ids, "admin-token");
    expect(await region.rows("SELECT count(*) AS n FROM trials WHERE error IS NULL")).toEqual([{ n: 0 }]);
    expect((await region.rows("SELECT * FROM thresholds")).length).toBe(1);
    await Promise.all(
      ids.map((id) => call("POST", `/v1/questions/${id}/truth`, { token: "stranger-token", body: { label: "b" } })),
    );
    expect(await region.rows("SELECT DISTINCT label, trusted FROM samples")).toEqual([{ label: "a", trusted: 1 }]);
  });

  it("is not waited for, where every question is labelled: it would count as late", async () => {
    const { region, ids } = await asked("unplanned", "complete");
    await teach(ids);
    for (const table of ["trials", "windows", "thresholds"])
      expect(await region.rows(`SELECT * FROM ${table}`)).toEqual([]);
  });
});

describe("the split of a sample", () => {
  it("is shown to an admin alone, and cannot be chosen by deleting and asking again", async () => {
    const region = new TestRegion("undivided");
    await publish({ model: region.model, policy });
    const [first] = region.labelledQuestions(1) as [LabelledQuestion];
    const teach = (id: string, token: string) =>
      call("POST", `/v1/questions/${encodeURIComponent(id)}/truth`, { token, body: { label: "a" } });
    const statuses: number[] = [];
    for (let again = 0; again < 7; again++) {
      const id = `${region.model}~north~again-${again}`;
      const questions = [{ id, region: "north", instance: first.question.instance }];
      const asked = await expectOk(
        call("POST", `/v1/models/${region.model}/ask`, { token: "stranger-token", body: { questions } }),
      );
      const taught = await teach(id, "stranger-token");
      const shown = JSON.stringify([await asked.json(), await taught.json()]);
      expect(shown).not.toMatch(/split|validation|calibration|"train"/);
      statuses.push(taught.status);
      await expectOk(call("DELETE", `/v1/questions/${encodeURIComponent(id)}`, { token: "stranger-token" }));
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
    await region.ask([first.question.instance], [`${region.model}~north~asked`]);
    expect(await (await teach(`${region.model}~north~asked`, "admin-token")).json()).toHaveProperty("split");
  });
});
