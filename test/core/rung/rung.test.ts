import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { askSchema, type Question, questionSchema } from "../../../workers/core/contract/index.ts";
import { sha256Hex } from "../../../workers/core/hash.ts";
import { loadNetwork } from "../../../workers/core/model/network.ts";
import { tfjsEngine } from "../../../workers/core/model/tfjs/engine.ts";
import { HttpRung } from "../../../workers/core/rung/http-rung.ts";
import { ModelRung } from "../../../workers/core/rung/model-rung.ts";
import { type Hop, RungUnavailableError } from "../../../workers/core/rung/rung.ts";
import { findToken } from "../../../workers/core/tokens.ts";
import { testModel } from "../../helpers/model.ts";
import { testRung } from "./rung.suite.ts";

const hop: Hop = { asker: "ask", remainingMs: 5_000, nodes: ["edge"], trace: false };
let asked = 0;

function questions(n: number): Question[] {
  return Array.from({ length: n }, () => {
    asked++;
    const instance = { region: "north", x0: Math.sin(asked), x1: 0.5, x2: asked % 3, x3: null };
    return { id: `shop~north~${asked}`, region: "north", instance, at: 0 };
  });
}

async function modelRung(name: "edge" | "origin", threshold = 0.5): Promise<ModelRung> {
  const { manifest, blobs } = await testModel({ threshold });
  const spec = name === "edge" ? manifest.thin : manifest.full;
  if (!spec) throw new Error("the test model has a full network");
  const network = await loadNetwork(
    await tfjsEngine(),
    spec,
    async ({ sha256 }) => (blobs.get(sha256) as Uint8Array<ArrayBuffer>).buffer,
  );
  return new ModelRung({ name, manifest, network });
}

/** A rung behind HTTP: a real application around a real model. */
async function httpRung(): Promise<HttpRung> {
  const above = await modelRung("origin");
  const tokens = [
    { id: "hop", sha256: await sha256Hex("hop-token"), scopes: ["ask" as const], models: ["*"], regions: ["*"] },
  ];
  const app = new Hono();
  app.post("/v1/models/shop/ask", async (context) => {
    if (!(await findToken(tokens, context.req.header("authorization") ?? null))) return context.text("no", 401);
    const { questions: drafts, trace = false, nodes } = askSchema.parse(await context.req.json());
    expect(nodes).toEqual(["edge"]);
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
    fetch: send,
  });
}

testRung("thin model", async () => ({ rung: await modelRung("edge"), questions, hop, checksInput: true }));
testRung("full model", async () => ({ rung: await modelRung("origin"), questions, hop, checksInput: true }));
testRung("over HTTP", async () => ({ rung: await httpRung(), questions, hop, checksInput: false }));

describe("the model rung's rule", () => {
  it("is sure from the threshold on", async () => {
    const [sure] = await (await modelRung("edge", 0)).ask(questions(1), hop);
    const [unsure] = await (await modelRung("edge", 1.01)).ask(questions(1), hop);
    expect([sure?.answer.sure, unsure?.answer.sure]).toEqual([true, false]);
    expect(sure?.made).toMatchObject({ version: "1", backbone: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });
});

describe("the HTTP rung", () => {
  const rungWith = (send: () => Promise<Response>) =>
    new HttpRung({
      name: "origin",
      model: "shop",
      url: "http://origin.test",
      token: "t",
      timeoutMs: 50,
      fetch: send as unknown as typeof fetch,
    });

  it.each<[string, () => Promise<Response>]>([
    ["is down", () => Promise.reject(new TypeError("connection refused"))],
    ["fails", async () => new Response("broken", { status: 500 })],
    ["answers nonsense", async () => Response.json({ hello: 1 })],
    ["leaves a question out", async () => Response.json({ answers: [] })],
  ])("says so when the rung above %s", async (_, send) => {
    await expect(rungWith(send).ask(questions(1), hop)).rejects.toThrow(RungUnavailableError);
  });
});
