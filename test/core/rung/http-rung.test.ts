import { describe, expect, it } from "vitest";
import type { Answer, Question } from "#core/contract/index.ts";
import { problemOf } from "#core/http/fault.ts";
import { problemResponse } from "#core/http/problem.ts";
import { HttpRung } from "#core/rung/http-rung.ts";
import { RungUnavailableError } from "#core/rung/rung.ts";
import { stampsHeader } from "#core/rung/stamp.ts";
import { hop, modelRung, questions } from "#test/helpers/rung.ts";

type Send = (url: string, init: RequestInit) => Promise<Response>;

const rungWith = (send: Send, timeoutMs = 5_000) =>
  new HttpRung({
    name: "origin",
    model: "shop",
    url: "http://origin.test",
    token: "hop-token",
    timeoutMs,
    labels: ["a", "b", "c"],
    isLabel: (label) => ["a", "b", "c"].includes(label),
    fetch: send as unknown as typeof fetch,
  });

const until = (signal: AbortSignal | null | undefined) =>
  new Promise<Response>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

it("sends the questions with the remaining time, the rungs passed and its own token", async () => {
  const above = await modelRung("origin");
  const asked = questions(2);
  const seen: { url: string; headers: Headers; body: Record<string, unknown> }[] = [];
  const rung = rungWith(async (url, init) => {
    seen.push({ url, headers: new Headers(init.headers), body: JSON.parse(init.body as string) });
    const replies = await above.ask(asked, hop);
    // In another order: answers belong to questions by their id.
    return Response.json({ answers: replies.map(({ answer }): Answer => answer).reverse() });
  });
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const tracestate = "congo=t61rcWkgMzE";
  const replies = await rung.ask(asked, { ...hop, remainingMs: 700, traceparent, tracestate });
  expect(replies.map(({ answer }) => answer.id)).toEqual(asked.map(({ id }) => id));
  expect(seen).toHaveLength(1);
  expect(seen[0]?.url).toBe("http://origin.test/v1/models/shop/ask");
  expect(seen[0]?.body).toEqual({ questions: asked, remainingMs: expect.any(Number), via: ["edge"] });
  expect(seen[0]?.body.remainingMs).toBeGreaterThan(0);
  expect(seen[0]?.body.remainingMs).toBeLessThanOrEqual(700);
  expect(seen[0]?.headers.get("authorization")).toBe("Bearer hop-token");
  expect(seen[0]?.headers.get("traceparent")).toBe(traceparent);
  expect(seen[0]?.headers.get("tracestate")).toBe(tracestate);
  expect(JSON.stringify(seen[0]?.body)).not.toContain(hop.owner);
});

it.each<[string, Send]>([
  ["is down", () => Promise.reject(new TypeError("connection refused"))],
  ["is slow", (_, { signal }) => until(signal)],
  ["fails", async () => new Response("broken", { status: 500 })],
  ["answers nonsense", async () => Response.json({ hello: 1 })],
  ["answers no JSON", async () => new Response("<html>")],
  ["leaves a question out", async () => Response.json({ answers: [] })],
])("says so when the rung above %s", async (_, send) => {
  await expect(rungWith(send, 50).ask(questions(1), hop)).rejects.toThrow(RungUnavailableError);
});

/** Why a rung gives no answer; null where it gives one. */
async function whyNot(send: Send, { timeoutMs = 5_000, remainingMs = 5_000 } = {}): Promise<string | null> {
  const [reply] = await rungWith(send, timeoutMs).askEach(questions(1), { ...hop, remainingMs });
  return reply instanceof RungUnavailableError ? reply.why : null;
}

const problem = (fault: Parameters<typeof problemOf>[0]) => async () => problemResponse(problemOf(fault, "ask"));

describe("a refusal of the rung above", () => {
  it.each<[string, Send, string, { timeoutMs?: number; remainingMs?: number }?]>([
    ["a loop", problem({ kind: "loop", via: ["a", "a"], max: 8 }), "rejected"],
    ["an id of another caller", problem({ kind: "conflict", expected: "", received: "", next: "" }), "rejected"],
    ["a fault in the question", problem({ kind: "invalid", errors: [] }), "rejected"],
    ["a body too large", problem({ kind: "too-large", maxBytes: 1 }), "rejected"],
    [
      "a limit",
      problem({ kind: "limited", limit: { name: "openQuestions", max: 1, retryAfterMs: 1 } }),
      "rate-limited",
    ],
    ["a saturated region", problem({ kind: "saturated", retryAfterMs: 1_000 }), "rate-limited"],
    ["a deadline of the caller", problem({ kind: "late", reason: "" }), "late", { timeoutMs: 5_000, remainingMs: 100 }],
    ["a deadline of its own", problem({ kind: "late", reason: "" }), "failed"],
    ["a token that it does not know", problem({ kind: "unauthorised" }), "failed"],
    ["that it is down", problem({ kind: "unavailable", reason: "", next: "" }), "failed"],
    [
      "a redirect",
      async () => new Response(null, { status: 307, headers: { location: "http://evil.test" } }),
      "failed",
    ],
  ])("because of %s is '%s'", async (_, send, why, limits) => {
    expect(await whyNot(send, limits)).toBe(why);
  });

  it("of one question does not lose the answers to the others", async () => {
    const asked = questions(4);
    const bodies: Question[][] = [];
    const above = await modelRung("origin");
    const send: Send = async (_, init) => {
      const { questions: got } = JSON.parse(init.body as string) as { questions: Question[] };
      bodies.push(got);
      const index = got.findIndex(({ id }) => id === asked[2]?.id);
      if (index >= 0)
        return problem({ kind: "invalid", errors: [{ index, path: "x0", expected: "", received: "" }] })();
      return Response.json({ answers: (await above.ask(got, hop)).map(({ answer }) => answer) });
    };
    const replies = await rungWith(send).askEach(asked, hop);
    expect(replies.map((reply) => (reply instanceof RungUnavailableError ? reply.why : reply.answer.id))).toEqual([
      ...[asked[0]?.id, asked[1]?.id, "rejected", asked[3]?.id],
    ]);
    expect(bodies.map(({ length }) => length)).toEqual([4, 3]);
  });

  it("of a batch that is too large is followed by its halves", async () => {
    const above = await modelRung("origin");
    const sizes: number[] = [];
    const send: Send = async (_, init) => {
      const { questions: got } = JSON.parse(init.body as string) as { questions: Question[] };
      sizes.push(got.length);
      if (got.length > 2) return problem({ kind: "too-large", maxBytes: 1 })();
      return Response.json({ answers: (await above.ask(got, hop)).map(({ answer }) => answer) });
    };
    const asked = questions(5);
    const replies = await rungWith(send).ask(asked, hop);
    expect(replies.map(({ answer }) => answer.id)).toEqual(asked.map(({ id }) => id));
    expect(sizes).toEqual([5, 3, 2, 1, 2]);
  });
});

describe("an answer from above", () => {
  const altered = async (change: (answers: Answer[]) => unknown): Promise<string | null> => {
    const above = await modelRung("origin");
    return whyNot(async (_, init) => {
      const { questions: got } = JSON.parse(init.body as string) as { questions: Question[] };
      const answers = (await above.ask(got, hop)).map(({ answer }) => answer);
      return new Response(String(JSON.stringify({ answers: change(answers) })).replaceAll('"1e400"', "1e400"));
    });
  };

  it.each<[string, string | null, (answers: Answer[]) => unknown]>([
    ["is taken with a field that this version does not know", null, (all) => all.map((one) => ({ ...one, newer: 1 }))],
    ["has the model that was asked", "failed", (all) => all.map((one) => ({ ...one, model: "other" }))],
    ["has a question that was asked", "failed", (all) => all.map((one) => ({ ...one, id: "shop~north~other" }))],
    ["is one of as many as were asked", "failed", (all) => [...all, ...all]],
    ["has finite scores", "failed", (all) => all.map((one) => ({ ...one, scores: { ...one.scores, a: "1e400" } }))],
    ["has no score above 1", "failed", (all) => all.map((one) => ({ ...one, scores: { ...one.scores, a: 7 } }))],
    ["has no negative confidence", "failed", (all) => all.map((one) => ({ ...one, confidence: -1 }))],
    ["has a label of this version", "declined", (all) => all.map((one) => ({ ...one, label: "z" }))],
    ["is not degraded", "rate-limited", (all) => all.map((one) => ({ ...one, degraded: true }))],
    ["is bounded in bytes", "failed", (all) => all.map((one) => ({ ...one, more: "x".repeat(64 * 1024) }))],
  ])("%s, or else it is '%s'", async (_, why, change) => {
    expect(await altered(change)).toBe(why);
  });

  it("leaves out scores of other labels, warnings, and the region of the rung above", async () => {
    const [question] = questions(1) as [Question];
    const scores = { a: 0.5, b: 0.25, c: 0.2, z: 0.05 };
    const answer = { id: question.id, model: "shop", region: "world", status: "answered", label: "a", scores };
    const more = { confidence: 0.5, accepted: true, rung: "origin", version: "9", certificate: null };
    const send: Send = async () => Response.json({ answers: [{ ...answer, ...more, warnings: ["ignored"] }] });
    const [reply] = await rungWith(send).ask([question], hop);
    expect(reply?.answer).toEqual({ ...answer, ...more, region: "north", scores: { a: 0.5, b: 0.25, c: 0.2 } });
  });
});

it("carries the stamps of the nodes that were passed", async () => {
  let seen: string | null = null;
  const send: Send = async (_, init) => {
    seen = new Headers(init.headers).get(stampsHeader);
    return Response.json({});
  };
  await rungWith(send).askEach(questions(1), { ...hop, stamps: ["a".repeat(24), "b".repeat(24)] });
  expect(seen).toBe(`${"a".repeat(24)},${"b".repeat(24)}`);
});
