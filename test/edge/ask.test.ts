import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { isAudited } from "#core/confidence/audit.ts";
import { splitSecretsOf } from "#core/confidence/split-secret.ts";
import type { Answer } from "#core/contract/index.ts";
import { ask, call, instance, publish } from "../helpers/edge.ts";

beforeAll(async () => {
  for (const model of ["easy", "hard", "open", "lone", "kept"]) await publish({ model });
});

describe("ask", () => {
  it("is answered at the edge when the edge accepts it", async () => {
    const answer = await ask("easy", { instance: instance() });
    expect(answer).toMatchObject({
      model: "easy",
      region: "north",
      status: "answered",
      rung: "edge",
      version: "1",
      accepted: true,
    });
    expect(Object.keys(answer.scores)).toEqual(["a", "b", "c"]);
    expect(Object.values(answer.scores).reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 6);
    expect(answer.confidence).toBe(Math.max(...Object.values(answer.scores)));
  });

  it("escalates to the origin what the edge does not accept", async () => {
    const response = await call("POST", "/v1/models/hard/ask", { token: "ask-token", body: { instance: instance() } });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: "answered", rung: "origin", accepted: true });
  });

  it("returns 202 with a location and the provisional answer where no rung accepts", async () => {
    const response = await call("POST", "/v1/models/open/ask", { token: "ask-token", body: { instance: instance() } });
    const answer: Answer = await response.json();
    expect(response.status).toBe(202);
    expect(response.headers.get("location")).toBe(`/v1/questions/${answer.id}`);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(answer).toMatchObject({ status: "open", accepted: false, certificate: null });
  });

  it("returns the best unaccepted answer where no rung accepts and no person answers", async () => {
    const answer = await ask("lone", { instance: instance() });
    expect(answer).toMatchObject({ status: "answered", rung: "origin", accepted: false, certificate: null });
  });

  it("returns the edge's answer at any confidence with accept: always", async () => {
    const answer = await ask("open", { instance: instance(), accept: "always" });
    expect(answer).toMatchObject({ status: "answered", rung: "edge", accepted: false });
  });

  it("answers a batch in order, each question in its own region", async () => {
    const instances = [instance(1, "north"), instance(2, "south"), instance(3, "nowhere")];
    const response = await call("POST", "/v1/models/hard/ask", { token: "ask-token", body: { instances } });
    const { answers }: { answers: Answer[] } = await response.json();
    expect(answers.map(({ region }) => region)).toEqual(["north", "south", "world"]);
    const alone = await Promise.all(instances.map((one) => ask("hard", { instance: one })));
    expect(answers.map(({ scores }) => scores)).toEqual(alone.map(({ scores }) => scores));
  });

  it("names the index of an invalid question in a batch, and none for a single question", async () => {
    const invalid = { ...instance(), x0: "far" };
    const errorsOf = async (body: object) => {
      const response = await call("POST", "/v1/models/easy/ask", { token: "ask-token", body });
      expect(response.status).toBe(422);
      return (await response.json<{ errors: { index?: number; message: string }[] }>()).errors;
    };
    expect(await errorsOf({ instances: [instance(), invalid] })).toMatchObject([
      { index: 1, message: expect.stringMatching(/^question 1, x0 must be /) },
    ]);
    const [alone] = await errorsOf({ instance: invalid });
    expect(alone).not.toHaveProperty("index");
    expect(alone?.message).toMatch(/^x0 must be /);
  });

  it("returns 415 for a table, and how to send its rows", async () => {
    const headers = { "content-type": "text/csv; charset=utf-8" };
    for (const path of ["ask", "truths"]) {
      const response = await call("POST", `/v1/models/easy/${path}`, { raw: new Uint8Array([97]), headers });
      expect(response.status).toBe(415);
      expect(await response.json()).toMatchObject({ received: "text/csv", next: expect.stringContaining("JSON") });
    }
  });

  it("traces every head and rung for an admin, and gives the same answer as without", async () => {
    const traced = await ask("easy", { instance: instance(), trace: true }, { token: "admin-token" });
    const plain = await ask("easy", { instance: instance() });
    expect(traced.trace?.map(({ head }) => head)).toEqual(["global", "regional", "full"]);
    expect([traced.rung, traced.label]).toEqual([plain.rung, plain.label]);
    const escalated = await ask("hard", { instance: instance(), trace: true }, { token: "admin-token" });
    expect(escalated.trace?.map(({ head }) => head)).toEqual(["global", "regional", "full"]);
  });
});

describe("the same question twice", () => {
  it("is one question under an Idempotency-Key, for each token", async () => {
    const headers = { "idempotency-key": "order-17" };
    const first = await ask("hard", { instance: instance(5) }, { headers });
    expect(await ask("hard", { instance: instance(5) }, { headers })).toEqual(first);
    expect((await ask("hard", { instance: instance(5) }, { headers, token: "other-token" })).id).not.toBe(first.id);
    const other = await call("POST", "/v1/models/hard/ask", {
      token: "ask-token",
      headers,
      body: { instance: instance(6) },
    });
    expect(other.status).toBe(409);
  });

  it("is also one question where the edge itself answers", async () => {
    const headers = { "idempotency-key": "order-18" };
    const first = await ask("easy", { instance: instance(5) }, { headers });
    expect(await ask("easy", { instance: instance(5) }, { headers })).toEqual(first);
    const other = await call("POST", "/v1/models/easy/ask", {
      token: "ask-token",
      headers,
      body: { instance: instance(6) },
    });
    expect(other.status).toBe(409);
  });

  it("is one question under its own id, asked twice at once", async () => {
    const question = { id: "hard~north~twice", region: "north", instance: instance(7) };
    const [one, two] = await Promise.all([
      call("POST", "/v1/models/hard/ask", { token: "ask-token", body: { questions: [question] } }),
      call("POST", "/v1/models/hard/ask", { token: "ask-token", body: { questions: [question] } }),
    ]);
    expect(await one.json()).toEqual(await two.json());
    const others = await call("POST", "/v1/models/hard/ask", { token: "other-token", body: { questions: [question] } });
    expect(others.status).toBe(409);
  });
});

describe("reading a question", () => {
  it("is for the token that asked, and for an admin", async () => {
    const { id } = await ask("open", { instance: instance(8) });
    const path = `/v1/questions/${id}`;
    expect((await call("GET", path, { token: "ask-token" })).status).toBe(202);
    expect((await call("GET", path, { token: "other-token" })).status).toBe(404);
    expect((await call("GET", path)).status).toBe(202);
    expect((await call("GET", "/v1/questions/no-id", { token: "ask-token" })).status).toBe(404);
  });

  it("streams the answer as it comes", async () => {
    const { id } = await ask("open", { instance: instance(9) });
    const stream = await call("GET", `/v1/questions/${id}`, {
      token: "ask-token",
      headers: { accept: "text/event-stream" },
    });
    await call("POST", `/v1/questions/${id}/truth`, { body: { label: "b" } });
    const text = await stream.text();
    expect(text.match(/^event: .*/gm)).toEqual(["event: open", "event: answered"]);
    expect(text).toContain('"label":"b"');
  });
});

describe("POST /v1/answers", () => {
  it("reads many questions of a caller at once, and leaves out those of others and unknown ones", async () => {
    const asked = [await ask("open", { instance: instance(40) }), await ask("hard", { instance: instance(41) })];
    const other = await ask("open", { instance: instance(42) }, { token: "other-token" });
    const ids = [...asked.map(({ id }) => id), other.id, "open~north~unknown", "no-id", "nothing~north~1"];
    const response = await call("POST", "/v1/answers", { token: "ask-token", body: { ids } });
    const { answers }: { answers: Answer[] } = await response.json();
    expect(new Map(answers.map(({ id, status }) => [id, status]))).toEqual(
      new Map(asked.map(({ id, status }) => [id, status])),
    );
    expect((await call("POST", "/v1/answers", { token: "ask-token", body: { ids: [] } })).status).toBe(422);
  });
});

describe("GET /v1/models", () => {
  it("says with 304 that nothing has changed, and otherwise at which revision each pointer is", async () => {
    const first = await call("GET", "/v1/models", { token: "rung-token" });
    const tag = first.headers.get("etag") as string;
    const again = (headers: Record<string, string>) => call("GET", "/v1/models", { token: "rung-token", headers });
    expect((await again({ "if-none-match": tag })).status).toBe(304);
    const revisionIn = async (response: Response) => {
      const { models }: { models: { model: string; revision: number }[] } = await response.json();
      return models.find(({ model }) => model === "easy")?.revision ?? 0;
    };
    const before = await revisionIn(first);
    await publish({ model: "easy", version: 2, seed: 5 });
    const changed = await again({ "if-none-match": tag });
    expect([changed.status, (await revisionIn(changed)) > before]).toEqual([200, true]);
  });
});

describe("a batch of one region", () => {
  const model = "in-rows";
  const auditShare = 0.5;
  const instances = Array.from({ length: 24 }, (_, i) => ({ ...instance(4 * i - 48), ...(i === 5 ? { x9: 1 } : {}) }));
  const send = (body: object) => call("POST", `/v1/models/${model}/ask`, { token: "ask-token", body });
  const answersOf = async (response: Response) => (await response.json<{ answers: Answer[] }>()).answers;

  it("is answered as its questions are, one by one", async () => {
    const ladder = ["edge" as const, "region" as const, "human" as const];
    await publish({ model, threshold: 0.8, policy: { ladder, keep: "audited", auditShare } });
    const rows = await send({ instances });
    const answers = await answersOf(rows);
    const others = await answersOf(await send({ questions: instances.map((one) => ({ instance: one })) }));
    const named = (some: Answer[]) => some.map((answer) => ({ ...answer, id: "" }));
    expect(named(answers)).toEqual(named(others));
    expect(answers[5]?.warnings).toEqual(["Ignored, since the model has no such columns: 'x9'."]);
    const open = answers.filter(({ status }) => status === "open");
    expect([open.length > 3, open.length < 21, rows.status]).toEqual([true, true, 202]);
    expect(rows.headers.get("location")).toBe(`/v1/questions/${open[0]?.id}`);
    const always = await send({ instances, accept: "always" });
    expect([always.status, (await answersOf(always)).every(({ rung }) => rung === "edge")]).toEqual([200, true]);
  });

  it("keeps the accepted questions that the coin draws, and no other", async () => {
    const accepted = (await answersOf(await send({ instances }))).filter(({ status }) => status === "answered");
    const { draws } = splitSecretsOf(env.SPLIT_SECRET);
    const drawn = accepted.map(({ id }) => isAudited(draws, id, auditShare));
    const statusOf = async ({ id }: Answer) =>
      (await call("GET", `/v1/questions/${id}`, { token: "ask-token" })).status;
    await expect.poll(() => Promise.all(accepted.map(statusOf))).toEqual(drawn.map((isDrawn) => (isDrawn ? 200 : 404)));
  });

  it("is refused as its questions are", async () => {
    const faulty = [...instances.slice(0, 3), { ...instance(), x0: "far" }];
    const rows = await send({ instances: faulty });
    const questions = await send({ questions: faulty.map((one) => ({ instance: one })) });
    const errorsOf = async (response: Response) => (await response.json<{ errors: unknown }>()).errors;
    expect([rows.status, await errorsOf(rows)]).toEqual([422, await errorsOf(questions)]);
  });
});
