import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Answer, Problem } from "#core/contract/index.ts";
import { Admission } from "#core/limits/admission.ts";
import { defaultLimits } from "#core/limits/limits.ts";
import { findToken } from "#core/tokens.ts";
import { holdRequest } from "#edge/limits.ts";
import { nodeOf } from "#edge/node.ts";
import type { OpenQuestions } from "#objects/region/tables/open-questions.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";
import { callWith, failingRegion } from "./doubles.ts";

beforeAll(async () => {
  for (const model of ["easy", "pressed", "pressed-open", "unharmed"]) await publish({ model });
  await publish({ ...{ model: "refusing", threshold: 1.01 }, policy: { whenSaturated: "refuse" } });
});

async function refusal(response: Response): Promise<[number, number, Problem]> {
  return [response.status, Number(response.headers.get("retry-after")), await response.json()];
}

const askAs = (token: string, model: string, n: number, seed = 0) => {
  const instances = Array.from({ length: n }, (_, i) => instance(seed + i));
  return call("POST", `/v1/models/${model}/ask`, { token, body: { instances } });
};

describe("the rate of a token", () => {
  it("refuses a batch as a whole with 429, the limit, and when to try again", async () => {
    expect((await askAs("slow-token", "easy", 4)).status).toBe(200);
    const [status, retryAfter, problem] = await refusal(await askAs("slow-token", "easy", 3));
    expect(status).toBe(429);
    expect(retryAfter).toBeGreaterThan(0);
    expect(problem).toMatchObject({
      ...{ type: "urn:upriver:problem:limited", title: "Too many requests", retryAfter },
      limit: { name: "questionsPerMinute", max: 6, per: expect.stringContaining("per token") },
    });
    expect((await askAs("slow-token", "easy", 2)).status).toBe(200);
    expect((await askAs("ask-token", "easy", 3)).status).toBe(200);
  });

  it.each([
    ["/v2/models/easy/infer", { inputs: [{ name: "x0", shape: [8], datatype: "FP64", data: Array(8).fill(1) }] }],
    ["/v1/models/easy:predict", { instances: Array(8).fill(instance()) }],
  ])("holds in %s too", async (path, body) => {
    const [limited, other] = [
      await call("POST", path, { token: "slow-token", body }),
      await call("POST", path, { body }),
    ];
    expect([limited.status, other.status]).toEqual([429, 200]);
  });
});

describe("open questions of a token", () => {
  const region = new TestRegion("pressed-open");

  it("are refused beyond its limit with 429 before anything is stored, and exactly", async () => {
    const first = await askAs("few-token", "pressed-open", 4);
    const [status, , problem] = await refusal(first);
    expect([status, problem.limit]).toEqual([429, { name: "openQuestions", max: 3, per: expect.any(String) }]);
    expect(await region.rows("SELECT id FROM questions WHERE owner = 'few'")).toEqual([]);

    const at = await Promise.all(Array.from({ length: 6 }, (_, i) => askAs("few-token", "pressed-open", 1, i)));
    expect(at.map((response) => response.status).sort()).toEqual([202, 202, 202, 429, 429, 429]);
    const taken = at.find((response) => response.status === 202) as Response;
    const { answers } = await taken.json<{ answers: [Answer] }>();
    const [{ id }] = answers;

    // What is stored is no new question.
    const body = { questions: [{ id, instance: instance(at.indexOf(taken)) }] };
    expect((await call("POST", "/v1/models/pressed-open/ask", { token: "few-token", body })).status).toBe(202);
    // One that is answered makes room for one.
    await expectOk(call("POST", `/v1/questions/${encodeURIComponent(id)}/truth`, { body: { label: "a" } }));
    expect((await askAs("few-token", "pressed-open", 1, 10)).status).toBe(202);
    expect((await askAs("few-token", "pressed-open", 1, 11)).status).toBe(429);
    expect((await askAs("ask-token", "pressed-open", 1, 12)).status).toBe(202);
  });

  it("are counted again where a transaction is undone, and by a new instance of the object", async () => {
    await region.inside((object) => {
      const questions = object["questions" as keyof typeof object] as unknown as {
        open: Pick<OpenQuestions, "changed">;
      };
      for (let i = 0; i < 10; i++) questions.open.changed("few", -1);
      const transaction = object["transaction" as keyof typeof object] as unknown as (work: () => void) => void;
      expect(() =>
        transaction(() => {
          throw new Error("undone");
        }),
      ).toThrow("undone");
    });
    expect((await askAs("few-token", "pressed-open", 1, 13)).status).toBe(429);
    await evictDurableObject(region.stub);
    expect((await askAs("few-token", "pressed-open", 1, 14)).status).toBe(429);
  });

  it("get the provisional answer, marked as degraded, where its limit with people is reached", async () => {
    const response = await askAs("unreviewed-token", "pressed-open", 5, 20);
    const { answers } = await response.json<{ answers: Answer[] }>();
    const read = () =>
      Promise.all(
        answers.map(async ({ id }) => {
          const found = await call("GET", `/v1/questions/${encodeURIComponent(id)}`, { token: "unreviewed-token" });
          return found.json<Answer>();
        }),
      );
    await eventually(async () => {
      const found = await read();
      expect(found.filter(({ status }) => status === "open")).toHaveLength(2);
      expect(found.filter(({ status, degraded }) => status === "answered" && degraded)).toHaveLength(3);
    });
    const queue = env.REVIEW.get(env.REVIEW.idFromName("pressed-open"));
    const queued = await runInDurableObject(queue, (_, { storage }) =>
      storage.sql.exec("SELECT count(*) AS n FROM queue WHERE owner = 'unreviewed'").one(),
    );
    expect(queued).toEqual({ n: 2 });
    // The region remembers it: the next one is answered at once.
    const next = await askAs("unreviewed-token", "pressed-open", 1, 30);
    expect(next.status).toBe(200);
    expect(await next.json()).toMatchObject({ answers: [{ status: "answered", accepted: false, degraded: true }] });
  });
});

describe("waits and requests at once", () => {
  it("are bounded for each token: a read beyond them is refused, and waits again when another has ended", async () => {
    const region = new TestRegion("pressed-open");
    const { id } = await ask("pressed-open", { instance: instance(40) });
    const waiting = [region.stub.read(id, "asker", 30_000, 2), region.stub.read(id, "asker", 30_000, 2)];
    await region.inside(() => {});
    const limited = { ok: false, error: { kind: "limited", limit: { name: "waits", max: 2 } } };
    expect(await region.stub.read(id, "asker", 30_000, 2)).toMatchObject(limited);
    expect(await region.stub.read(id, "asker", 0, 2)).toMatchObject({ ok: true });
    await expectOk(call("POST", `/v1/questions/${encodeURIComponent(id)}/truth`, { body: { label: "a" } }));
    for (const one of await Promise.all(waiting)) expect(one).toMatchObject({ ok: true, value: { label: "a" } });
  });

  it("are refused with 429 beyond a token's requests in an isolate, of that token alone", async () => {
    const node = nodeOf(env);
    const token = await findToken(node.tokens, "Bearer ask-token");
    const held = { node, token, request: new Request("https://edge.test/") };
    // Streams that other tests left open count as well.
    const before = node.callers.atOnce.size;
    const free = defaultLimits.requestsAtOnce - (node.callers.atOnce.get("token asker") ?? 0);
    const releases = Array.from({ length: free }, () => holdRequest(held));
    const [status, , problem] = await refusal(await askAs("ask-token", "easy", 1));
    expect([status, problem.limit?.name]).toEqual([429, "requestsAtOnce"]);
    expect((await askAs("teach-token", "easy", 1)).status).toBe(200);
    for (const release of releases) release();
    expect((await askAs("ask-token", "easy", 1)).status).toBe(200);
    expect(node.callers.atOnce.size).toBe(before);
  });
});

describe("a saturated region", () => {
  /** Fills a region with questions of other callers; returns what empties it. */
  async function fill(model: string): Promise<() => Promise<void>> {
    const region = new TestRegion(model);
    const each = (work: "enter" | "leave") =>
      region.inside((object) => {
        const { needs } = object["asking" as keyof typeof object] as unknown as {
          needs: { admission: Admission };
        };
        for (let i = 0; i < 6; i++) {
          if (work === "leave") needs.admission.leave(`other ${i}`, 128);
          else needs.admission.enter(`other ${i}`, 128, undefined, () => 0, Date.now());
        }
      });
    await each("enter");
    return async () => {
      await each("leave");
      nodeOf(env).saturatedUntil.clear();
    };
  }

  it("is answered for by the edge, marked as degraded, stores nothing, and is not called until it may be", async () => {
    const empty = await fill("pressed");
    const region = new TestRegion("pressed");
    for (const seed of [1, 2]) {
      const answer = await ask("pressed", { instance: instance(seed) });
      expect(answer).toMatchObject({ rung: "edge", status: "answered", accepted: false, degraded: true });
    }
    expect(await region.rows("SELECT id FROM questions")).toEqual([]);
    expect([nodeOf(env).saturatedUntil.size, nodeOf(env).saturatedUntil.has("pressed north")]).toEqual([1, true]);
    // A stored answer is what a key promises, and a rung below asks again.
    const refused = [
      { headers: { "idempotency-key": "k" }, body: { instance: instance(1) } },
      { body: { instance: instance(1), via: ["below"] } },
    ];
    for (const options of refused) {
      const response = await call("POST", "/v1/models/pressed/ask", { token: "ask-token", ...options });
      const [status, retryAfter, problem] = await refusal(response);
      expect([status, problem.type]).toEqual([503, "urn:upriver:problem:saturated"]);
      expect(retryAfter).toBeGreaterThan(0);
    }
    await empty();
    expect(await ask("pressed", { instance: instance(1) })).toMatchObject({ rung: "origin", accepted: true });
  });

  it("is one that has as much on its way from an isolate, before its object knows it, for that caller alone", async () => {
    const { onTheirWay, saturatedUntil } = nodeOf(env);
    const admission = new Admission();
    admission.enter("asker", defaultLimits.waitingQuestions, defaultLimits, () => 0, Date.now());
    onTheirWay.set("pressed north", admission);
    expect(await ask("pressed", { instance: instance(3) })).toMatchObject({ degraded: true });
    expect(saturatedUntil.size).toBe(0);
    expect(await ask("pressed", { instance: instance(3) }, { token: "teach-token" })).toMatchObject({ rung: "origin" });
    admission.leave("asker", defaultLimits.waitingQuestions);
    expect(await ask("pressed", { instance: instance(3) })).toMatchObject({ rung: "origin" });
    expect(onTheirWay.size).toBe(0);
  });

  it("is 503 with Retry-After where the recipe says so, and nothing is stored", async () => {
    const empty = await fill("refusing");
    const [status, retryAfter] = await refusal(await askAs("ask-token", "refusing", 2));
    expect([status, retryAfter]).toEqual([503, 1]);
    expect(await new TestRegion("refusing").rows("SELECT id FROM questions")).toEqual([]);
    await empty();
    expect((await askAs("ask-token", "refusing", 2)).status).toBeLessThan(300);
  });

  it("is one whose object is overloaded: it is called once, and then left alone for a while", async () => {
    const { bindings, calls } = failingRegion(Object.assign(new Error("overloaded"), { overloaded: true }));
    const own = { ...bindings, NODE_ID: "overloaded" };
    const asked = () => callWith(own, "POST", "/v1/models/refusing/ask", { instance: instance() });
    expect((await asked()).status).toBe(503);
    expect(calls).toEqual(["ask"]);
    const { saturatedUntil } = nodeOf({ ...env, ...own });
    expect([saturatedUntil.size, saturatedUntil.get("refusing north")]).toEqual([1, expect.any(Number)]);
  });
});

describe("a caller", () => {
  const region = new TestRegion("unharmed");
  const breaker = async () => (await region.stub.counts()).breaker;

  it("harms nobody by a tiny deadline: it waits no longer, and its question goes on", async () => {
    const ids = [];
    for (let i = 0; i < 5; i++) {
      const response = await call("POST", "/v1/models/unharmed/ask", {
        ...{ token: "ask-token", body: { instance: instance(i), remainingMs: 1 } },
        headers: i % 2 ? { prefer: "wait=0" } : {},
      });
      expect([200, 202]).toContain(response.status);
      ids.push((await response.json<Answer>()).id);
    }
    for (const id of ids) {
      await eventually(async () => {
        const response = await call("GET", `/v1/questions/${encodeURIComponent(id)}`, { token: "ask-token" });
        expect(await response.json()).toMatchObject({ status: "answered", rung: "origin", accepted: true });
      });
    }
    expect(await breaker()).toBe("closed");
    const tries = await region.rows("SELECT max(tries) AS n FROM questions");
    expect(tries).toEqual([{ n: 0 }]);
  });

  it("harms nobody by a via: it counts from rungs alone, and even there a refusal is no failure", async () => {
    for (let i = 0; i < 4; i++) {
      const body = { instance: instance(10 + i), via: ["origin", "edge"] };
      expect(await ask("unharmed", body)).toMatchObject({ rung: "origin", accepted: true });
    }
    for (let i = 0; i < 4; i++) {
      const body = { instance: instance(20 + i), via: ["origin"] };
      expect(await ask("unharmed", body, { token: "rung-token" })).toMatchObject({ rung: "edge", status: "open" });
    }
    expect(await breaker()).toBe("closed");
    expect(await ask("unharmed", { instance: instance(30) })).toMatchObject({ rung: "origin", accepted: true });
  });

  it("of the scope ask gets a hop's answers, without what only a rung may say", async () => {
    const inference = {
      ...{ backbone: "0".repeat(64), version: "9", accepted: true },
      ...{ embedding: [1], scores: [1, 0, 0] },
    };
    const question = {
      id: "unharmed~north~hop",
      region: "north",
      instance: instance(40),
      at: 5,
      audit: true,
      inference,
    };
    const body = { questions: [question], via: ["below"], remainingMs: 5_000, trace: true };
    const response = await expectOk(call("POST", "/v1/models/unharmed/ask", { token: "publish-token", body }));
    const { answers } = await response.json<{ answers: [Answer] }>();
    expect(answers[0]).toMatchObject({ id: question.id, rung: "origin", accepted: true });
    expect(answers[0].trace).toBeUndefined();
    const [row] = await region.rows("SELECT at, opinions FROM questions WHERE id = ?", question.id);
    expect(Number(row?.at)).toBeGreaterThan(1e12);
    expect(String(row?.opinions)).not.toContain('"9"');
    const believed = { ...body, questions: [{ ...question, id: "unharmed~north~believed" }], trace: false };
    await expectOk(call("POST", "/v1/models/unharmed/ask", { token: "rung-token", body: believed }));
    expect(await region.rows("SELECT at FROM questions WHERE id = 'unharmed~north~believed'")).toEqual([{ at: 5 }]);
  });
});
