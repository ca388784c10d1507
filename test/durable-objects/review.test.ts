import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Answer, ReviewQuestion } from "../../workers/core/contract/index.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";

const model = "open";

beforeAll(async () => {
  await publish({ model });
});

async function lease(token: string, limit = 1): Promise<ReviewQuestion[]> {
  const response = await expectOk(call("GET", `/v1/models/${model}/review?limit=${limit}`, { token }));
  return (await response.json<{ questions: ReviewQuestion[] }>()).questions;
}

const answer = (id: string, label: string, token: string) =>
  call("POST", `/v1/questions/${id}/answer`, { token, body: { label } });

describe("review", () => {
  it("hands each question to one person alone, with what the rungs made of it", async () => {
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
    expect(await done.json()).toMatchObject({ id: ada.id, status: "answered", rung: "human", label: "a", sure: true });
    expect((await answer(bob.id, "nothing", "second-review-token")).status).toBe(422);
    expect((await answer(bob.id, "b", "ask-token")).status).toBe(403);
    await expectOk(answer(bob.id, "b", "second-review-token"));
  });

  it("gives the answer to whoever waits for it", async () => {
    const { id } = await ask(model, { instance: instance(3) });
    const waiting = call("GET", `/v1/questions/${id}`, { token: "ask-token", headers: { prefer: "wait=20" } });
    await eventually(async () => expect((await lease("review-token")).map((question) => question.id)).toContain(id));
    await expectOk(answer(id, "c", "review-token"));
    const heard: Answer = await (await waiting).json();
    expect(heard).toMatchObject({ id, status: "answered", label: "c", rung: "human" });
  });

  it("takes a question back whose truth has come", async () => {
    const { id } = await ask(model, { instance: instance(4) });
    await eventually(async () => expect((await lease("review-token")).map((question) => question.id)).toContain(id));
    await expectOk(call("POST", `/v1/questions/${id}/truth`, { body: { label: "a" } }));
    await eventually(async () => expect(await lease("review-token")).toEqual([]));
    expect((await answer(id, "b", "review-token")).status).toBe(404);
  });

  it("has nothing left to do when its alarm rings", async () => {
    const stub = env.REVIEW.get(env.REVIEW.idFromName(model));
    await runDurableObjectAlarm(stub);
    expect(await lease("review-token")).toEqual([]);
  });
});
