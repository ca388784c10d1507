import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type Answer,
  type FlaggedQuestion,
  questionKeepMs,
  type ReviewQuestion,
  reviewLeaseMs,
} from "#core/contract/index.ts";
import type { ReviewObject } from "#objects/review/index.ts";
import { correctionMs } from "#objects/review/refusals.ts";
import { leaseMaxBytes, skipMs } from "#objects/review/tables/queue.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const model = "reviewed";

const [ada, bob] = ["review-token", "second-review-token"] as const;
const stub = () => env.REVIEW.get(env.REVIEW.idFromName(model));

beforeAll(async () => {
  await publish({ model });
});

async function lease(token: string, limit = 1): Promise<ReviewQuestion[]> {
  const response = await expectOk(call("GET", `/v1/models/${model}/review?limit=${limit}`, { token }));
  return (await response.json<{ questions: ReviewQuestion[] }>()).questions;
}

const leasedIds = async (token: string, limit = 100) => (await lease(token, limit)).map(({ id }) => id);

/** Asks questions that no rung accepts, and waits until they are in the queue, in this order. */
async function queued(...seeds: number[]): Promise<string[]> {
  const ids: string[] = [];
  for (const seed of seeds) {
    const { id } = await ask(model, { instance: instance(seed) });
    await eventually(async () => expect(await rows("SELECT 1 FROM queue WHERE id = ?", id)).toHaveLength(1));
    ids.push(id);
  }
  return ids;
}

function rows(query: string, ...given: SqlStorageValue[]): Promise<Record<string, SqlStorageValue>[]> {
  return runInDurableObject(stub(), (_, { storage }) => storage.sql.exec(query, ...given).toArray());
}

/** Moves every time that the queue waits for by so much. */
async function pass(ms: number): Promise<void> {
  for (const [table, column] of [
    ["queue", "leaseUntil"],
    ["queue", "correctUntil"],
    ["skips", "until"],
    ["jobs", "due"],
  ]) {
    await rows(`UPDATE ${table} SET ${column} = ${column} - ${ms}`);
  }
  await runInDurableObject(stub(), (object) => object.alarm());
}

/** Empties the queue for the next test. */
async function clear(): Promise<void> {
  await rows("DELETE FROM queue");
  await rows("DELETE FROM skips");
}

const post = (id: string, verb: string, token: string, body?: object) =>
  call("POST", `/v1/questions/${id}/${verb}`, { token, ...(body ? { body } : {}) });
const read = async (id: string): Promise<Answer> =>
  (await expectOk(call("GET", `/v1/questions/${id}`, { token: "ask-token" }))).json();

const answer = (id: string, label: string, token: string) =>
  call("POST", `/v1/questions/${id}/answer`, { token, body: { label } });

describe("the review queue", () => {
  it("leases each question to one person, with the provisional answer", async () => {
    const ids = [(await ask(model, { instance: instance(1) })).id, (await ask(model, { instance: instance(2) })).id];
    const ada = await eventually(async () => {
      const [question] = await lease("review-token");
      expect(question).toBeDefined();
      return question as ReviewQuestion;
    });
    const bob = await eventually(async () => {
      const [question] = await lease("second-review-token");
      expect(question).toBeDefined();
      return question as ReviewQuestion;
    });
    expect([ada.id, bob.id].sort()).toEqual(ids.sort());
    expect(ada.provisional).toMatchObject({ status: "open", rung: "origin" });
    expect((await answer(ada.id, "a", "second-review-token")).status).toBe(409);
    const done = await expectOk(answer(ada.id, "a", "review-token"));
    expect(await done.json()).toMatchObject({
      id: ada.id,
      status: "answered",
      rung: "human",
      label: "a",
      accepted: true,
    });
    expect((await answer(bob.id, "nothing", "second-review-token")).status).toBe(422);
    expect((await answer(bob.id, "b", "ask-token")).status).toBe(403);
    await expectOk(answer(bob.id, "b", "second-review-token"));
  });

  it("takes labels of a person without trust as answers that judge nothing, and trusts those of an earlier release", async () => {
    const ids = await queued(51, 52);
    await lease("volunteer-token", 2);
    const done = await expectOk(answer(ids[0] as string, "a", "volunteer-token"));
    expect(await done.json()).toMatchObject({ label: "a", rung: "human", accepted: true });
    // An edge of an earlier release does not say who gives a label.
    await runInDurableObject(stub(), (object) => object.answer(ids[1] as string, "b", "volunteer/"));
    const region = new TestRegion(model);
    const query = "SELECT label, labelledBy, trusted FROM samples WHERE id IN (?, ?) ORDER BY label";
    expect(await region.rows(query, ...ids)).toEqual([
      { label: "a", labelledBy: "volunteer", trusted: 0 },
      { label: "b", labelledBy: null, trusted: 1 },
    ]);
    expect(await region.rows("SELECT * FROM thresholds")).toHaveLength(1);
    await clear();
  });

  it("trusts the labels that an earlier release took and has not delivered", async () => {
    const earlier = env.REVIEW.get(env.REVIEW.idFromName("earlier-review"));
    await runInDurableObject(earlier, (_, { storage: { sql } }) => {
      sql.exec("DROP INDEX queue_owner");
      for (const column of ["labelledBy", "trusted", "owner"]) sql.exec(`ALTER TABLE queue DROP COLUMN ${column}`);
      sql.exec("UPDATE schema SET migrations = 2");
      sql.exec(`INSERT INTO queue (id, region, instance, opinions, queuedAt, label, answeredBy)
        VALUES ('q', 'north', '{}', '[]', 1, 'a', 'ada/')`);
    });
    await evictDurableObject(earlier);
    const query = "SELECT label, labelledBy, trusted FROM queue";
    const found = await runInDurableObject(earlier, (_, { storage: { sql } }) => sql.exec(query).toArray());
    expect(found).toEqual([{ label: "a", labelledBy: null, trusted: 1 }]);
  });

  it("delivers the answer to a waiting caller", async () => {
    const { id } = await ask(model, { instance: instance(3) });
    const waiting = call("GET", `/v1/questions/${id}`, { token: "ask-token", headers: { prefer: "wait=20" } });
    await eventually(async () => expect((await lease("review-token")).map((question) => question.id)).toContain(id));
    await expectOk(answer(id, "c", "review-token"));
    const received: Answer = await (await waiting).json();
    expect(received).toMatchObject({ id, status: "answered", label: "c", rung: "human" });
  });

  it("withdraws a question when its truth arrives", async () => {
    const { id } = await ask(model, { instance: instance(4) });
    await eventually(async () => expect((await lease("review-token")).map((question) => question.id)).toContain(id));
    await expectOk(call("POST", `/v1/questions/${id}/truth`, { body: { label: "a" } }));
    await eventually(async () => expect(await lease("review-token")).toEqual([]));
    expect((await answer(id, "b", "review-token")).status).toBe(404);
  });

  it("deletes a region's questions when the region is forgotten", async () => {
    await ask(model, { instance: instance(5) });
    const { id } = await ask(model, { instance: instance(6, "south") });
    const ids = async () => (await lease("review-token", 10)).map((question) => question.id);
    await eventually(async () => expect(await ids()).toHaveLength(2));
    await expectOk(call("DELETE", `/v1/models/${model}/regions/north`));
    expect(await ids()).toEqual([id]);
    await expectOk(answer(id, "a", "review-token"));
  });

  it("has nothing left to do when its alarm fires", async () => {
    await runDurableObjectAlarm(stub());
    expect(await lease("review-token")).toEqual([]);
  });

  it("shows each rung's opinion", async () => {
    const [id] = await queued(5);
    const [question] = await lease(ada);
    expect(question?.id).toBe(id);
    expect(question?.opinions.map(({ rung, version }) => [rung, version])).toEqual([
      ["edge", "1"],
      ["origin", "1"],
    ]);
    for (const { scores, label, confidence } of question?.opinions ?? []) {
      expect(Object.keys(scores)).toEqual(["a", "b", "c"]);
      expect(scores[label]).toBe(confidence);
      expect(Math.max(...Object.values(scores))).toBe(confidence);
    }
    expect(question?.opinions[1]?.scores).toEqual(question?.provisional?.scores);
    await clear();
  });

  it("leases a question again when the lease has ended", async () => {
    const [id] = (await queued(6)) as [string];
    expect(await leasedIds(ada)).toEqual([id]);
    expect(await leasedIds(bob)).toEqual([]);
    await pass(reviewLeaseMs);
    expect(await leasedIds(bob)).toEqual([id]);
    expect((await post(id, "skip", ada)).status).toBe(409);
    expect((await post(id, "flag", ada, { reason: "late" })).status).toBe(409);
    expect((await answer(id, "a", ada)).status).toBe(409);
    await clear();
  });
});

describe("a label that a newer version added", () => {
  it("answers a question that was asked of an older version, and is kept", async () => {
    const name = "relabelled";
    await publish({ model: name });
    const { id } = await ask(name, { instance: instance(40) });
    await publish({ model: name, version: 2, labels: ["a", "b", "c", "d"] });
    const done = await eventually(() => expectOk(answer(id, "d", ada)));
    expect(await done.json()).toMatchObject({ status: "answered", label: "d", scores: { a: 0, b: 0, c: 0, d: 1 } });
    const samples = await new TestRegion(name).rows("SELECT label, source FROM samples WHERE id = ?", id);
    expect(samples).toEqual([{ label: "d", source: "human" }]);
  });
});

describe("the questions of one lease", () => {
  it("are limited in bytes, except the first", async () => {
    const text = "x".repeat(leaseMaxBytes / 5);
    const provisional = null;
    await runInDurableObject(stub(), (object) =>
      (object as ReviewObject).enqueue(
        Array.from({ length: 7 }, (_, i) => {
          return { id: `open~north~${i}`, region: "north", instance: { text }, provisional, opinions: [] };
        }),
      ),
    );
    expect((await leasedIds(ada)).length).toBe(4);
    expect((await leasedIds(bob)).length).toBe(3);
    await clear();
  });
});

describe("a skipped question", () => {
  it("goes to others at once, and returns to its holder when nothing else waits", async () => {
    const [first, second] = (await queued(7, 8)) as [string, string];
    expect(await leasedIds(ada, 1)).toEqual([first]);
    expect((await post(first, "skip", bob)).status).toBe(409);
    expect(await (await expectOk(post(first, "skip", ada))).json()).toEqual({ id: first, skipped: true });
    expect((await post(first, "skip", ada)).status).toBe(409);
    expect(await leasedIds(ada)).toEqual([second]);
    await expectOk(post(second, "skip", ada));
    // The oldest skip first.
    expect(await leasedIds(ada, 1)).toEqual([first]);
    expect(await leasedIds(bob)).toEqual([second]);
    await expectOk(answer(second, "a", bob));
    await expectOk(answer(first, "a", ada));
  });

  it("is like any other when the skip has expired", async () => {
    const [first, second] = (await queued(9, 10)) as [string, string];
    await lease(ada);
    await expectOk(post(first, "skip", ada));
    await pass(skipMs);
    expect(await leasedIds(ada)).toEqual([first, second]);
    expect((await post("open~north~never-asked", "skip", ada)).status).toBe(404);
    expect((await post(first, "skip", "ask-token")).status).toBe(403);
    await clear();
  });
});

describe("a flagged question", () => {
  const flagged = async (token: string = ada): Promise<FlaggedQuestion[]> =>
    (await (await expectOk(call("GET", `/v1/models/${model}/review/flagged`, { token }))).json<{ questions: [] }>())
      .questions;

  it("leaves the queue with its reason, and its caller receives the provisional answer", async () => {
    const [first, second] = (await queued(11, 12)) as [string, string];
    const waiting = call("GET", `/v1/questions/${first}`, { token: "ask-token", headers: { prefer: "wait=20" } });
    expect(await leasedIds(ada)).toEqual([first, second]);
    const done = await (await expectOk(post(first, "flag", ada, { reason: " no picture " }))).json<Answer>();
    expect(done).toMatchObject({ id: first, status: "answered", accepted: false, rung: "origin" });
    expect(await (await waiting).json()).toEqual(done);
    await runDurableObjectAlarm(new TestRegion(model).stub);
    expect(await leasedIds(ada)).toEqual([second]);
    await expectOk(post(second, "flag", ada, { reason: "two things at once" }));
    const [newest, older] = await flagged(bob);
    expect(newest).toMatchObject({ id: second, flaggedBy: "ada/", reason: "two things at once" });
    expect(older).toMatchObject({ id: first, reason: "no picture", instance: instance(11) });
    expect(older?.opinions).toHaveLength(2);
    expect((await post(first, "flag", bob, { reason: "again" })).status).toBe(409);
    expect((await post(first, "skip", ada)).status).toBe(409);
  });

  it("leaves the list when a person or a truth labels it", async () => {
    const [second, first] = (await flagged()).map(({ id }) => id) as [string, string];
    await expectOk(answer(first, "b", bob));
    expect((await flagged()).map(({ id }) => id)).toEqual([second]);
    const sample = await new TestRegion(model).rows("SELECT label, source FROM samples WHERE id = ?", first);
    expect(sample).toEqual([{ label: "b", source: "human" }]);
    await expectOk(call("POST", `/v1/questions/${second}/truth`, { body: { label: "a" } }));
    await eventually(async () => expect(await flagged()).toEqual([]));
  });

  it("is forgotten with the question", async () => {
    const [id] = (await queued(13)) as [string];
    await expectOk(post(id, "flag", ada, { reason: "mine" }));
    await expectOk(call("DELETE", `/v1/questions/${id}`));
    await eventually(async () => expect(await rows("SELECT id FROM queue WHERE id = ?", id)).toEqual([]));
  });

  it("is deleted when its retention time has passed", async () => {
    const [id] = (await queued(18)) as [string];
    await expectOk(post(id, "flag", ada, { reason: "a riddle" }));
    await pass(questionKeepMs - 60_000);
    expect((await flagged()).map((question) => question.id)).toEqual([id]);
    await pass(61_000);
    expect(await flagged()).toEqual([]);
    expect(await read(id)).toMatchObject({ status: "answered", accepted: false });
  });

  it("returns 422 without a reason, and changes nothing", async () => {
    const [id] = (await queued(14)) as [string];
    for (const body of [{}, { reason: "  " }, { reason: "x".repeat(501) }, { reason: 1 }, { reason: "a", more: 1 }]) {
      expect((await post(id, "flag", ada, body)).status).toBe(422);
    }
    expect((await post(id, "flag", "ask-token", { reason: "a" })).status).toBe(403);
    expect((await flagged()).length).toBe(0);
    expect((await read(id)).status).toBe("open");
    expect(await leasedIds(ada)).toEqual([id]);
    await clear();
  });
});

describe("a correction", () => {
  const region = new TestRegion(model);
  const sample = (id: string) => region.rows("SELECT label, source FROM samples WHERE id = ?", id);

  it("replaces the label for ten minutes, by its holder only", async () => {
    const [id] = (await queued(15)) as [string];
    await lease(ada);
    await expectOk(answer(id, "a", ada));
    expect(await sample(id)).toEqual([{ label: "a", source: "human" }]);
    expect((await answer(id, "b", bob)).status).toBe(409);
    expect((await answer(id, "nothing", ada)).status).toBe(422);
    expect(await read(id)).toMatchObject({ label: "a" });
    expect(await (await expectOk(answer(id, "b", ada))).json()).toMatchObject({
      label: "b",
      rung: "human",
      accepted: true,
    });
    expect(await read(id)).toMatchObject({ status: "answered", label: "b", scores: { a: 0, b: 1, c: 0 } });
    expect(await sample(id)).toEqual([{ label: "b", source: "human" }]);
    // The region has the instance now; the queue has deleted it.
    expect(await rows("SELECT instance, provisional FROM queue WHERE id = ?", id)).toEqual([
      { instance: "null", provisional: null },
    ]);
    await pass(correctionMs - 1_000);
    await expectOk(answer(id, "c", ada));
    await pass(2_000);
    expect(await rows("SELECT id FROM queue")).toEqual([]);
    expect((await answer(id, "a", ada)).status).toBe(404);
    expect(await sample(id)).toEqual([{ label: "c", source: "human" }]);
  });

  it("does not replace a truth that arrived meanwhile", async () => {
    const [id] = (await queued(16)) as [string];
    await expectOk(answer(id, "a", ada));
    await expectOk(call("POST", `/v1/questions/${id}/truth`, { body: { label: "b" } }));
    await expectOk(answer(id, "c", ada));
    expect(await sample(id)).toEqual([{ label: "b", source: "truth" }]);
  });

  it("is delivered while the first label is still being delivered", async () => {
    const [id] = (await queued(17)) as [string];
    await Promise.all([answer(id, "a", ada), answer(id, "b", ada), answer(id, "c", ada)].map(expectOk));
    const [{ label } = { label: null }] = await rows("SELECT label FROM queue WHERE id = ?", id);
    expect(await sample(id)).toEqual([{ label, source: "human" }]);
    await expectOk(call("DELETE", `/v1/questions/${id}`));
    await eventually(async () => expect(await rows("SELECT id FROM queue WHERE id = ?", id)).toEqual([]));
  });

  it("is possible until its region has the label", async () => {
    const [id] = (await queued(19)) as [string];
    await expectOk(answer(id, "a", ada));
    await rows("INSERT INTO jobs (kind, key, due) VALUES ('deliver', ?, ?)", id, Date.now() + 3600_000);
    await pass(correctionMs);
    expect(await rows("SELECT label FROM queue WHERE id = ?", id)).toEqual([{ label: "a" }]);
    await pass(3600_000);
    await pass(3600_000);
    expect(await rows("SELECT label FROM queue WHERE id = ?", id)).toEqual([]);
    expect(await rows("SELECT kind FROM jobs WHERE key = ?", id)).toEqual([]);
  });

  it("changes the sums by exactly the difference", async () => {
    const ids = await queued(...Array.from({ length: 12 }, (_, i) => 20 + i));
    for (const id of ids) await expectOk(answer(id, "a", ada));
    await region.retrain(Date.now() + 1_000);
    const wrong = await region.sums();
    for (const id of ids) await expectOk(answer(id, "b", ada));
    await region.retrain(Date.now() + 1_000);
    const corrected = await region.sums();
    expect(corrected).not.toEqual(wrong);
    // Sums computed from nothing are the same.
    await region.rows("DELETE FROM sums");
    await region.rows("UPDATE embeddings SET label = NULL, weight = NULL");
    await region.retrain(Date.now() + 1_000);
    expect(await region.sums()).toEqual(corrected);
  });
});
