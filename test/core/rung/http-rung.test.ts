import { expect, it } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { HttpRung } from "#core/rung/http-rung.ts";
import { RungUnavailableError } from "#core/rung/rung.ts";
import { hop, modelRung, questions } from "#test/helpers/rung.ts";

type Send = (url: string, init: RequestInit) => Promise<Response>;

const rungWith = (send: Send, timeoutMs = 5_000) =>
  new HttpRung({
    name: "origin",
    model: "shop",
    url: "http://origin.test",
    token: "hop-token",
    timeoutMs,
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
  expect(seen[0]?.body).toEqual({ questions: asked, remainingMs: 700, via: ["edge"] });
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
