import { Hono } from "hono";
import { expect } from "vitest";
import { askSchema, questionSchema } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { HttpRung } from "#core/rung/http-rung.ts";
import { findToken } from "#core/tokens.ts";
import { hop, modelRung, questions } from "#test/helpers/rung.ts";
import { testRung } from "./rung.suite.ts";

/** A rung behind HTTP: a real application around a real model. */
async function httpRung(): Promise<HttpRung> {
  const above = await modelRung("origin");
  const tokens = [
    { id: "hop", sha256: await sha256Hex("hop-token"), scopes: ["ask" as const], models: ["*"], regions: ["*"] },
  ];
  const app = new Hono();
  app.post("/v1/models/shop/ask", async (context) => {
    if (!(await findToken(tokens, context.req.header("authorization") ?? null))) return context.text("no", 401);
    const { questions: drafts, trace = false, via } = askSchema.parse(await context.req.json());
    expect(via).toEqual(["edge"]);
    const replies = await above.ask(
      (drafts ?? []).map((draft) => questionSchema.parse(draft)),
      { ...hop, trace },
    );
    return context.json({ answers: replies.map(({ answer }) => answer) });
  });
  const send = ((input: string, init: RequestInit) => app.request(input, init)) as unknown as typeof fetch;
  return new HttpRung({
    name: "origin",
    model: "shop",
    url: "http://origin.test",
    token: "hop-token",
    timeoutMs: 5_000,
    labels: ["a", "b", "c"],
    isLabel: (label) => ["a", "b", "c"].includes(label),
    fetch: send,
  });
}

testRung("thin model", true, async () => ({ rung: await modelRung("edge"), questions, hop }));
testRung("full model", true, async () => ({ rung: await modelRung("origin"), questions, hop }));
testRung("over HTTP", false, async () => ({ rung: await httpRung(), questions, hop }));
