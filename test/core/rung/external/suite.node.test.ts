import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ExternalKind, ExternalRung } from "#core/contract/index.ts";
import { ExternalRungClient } from "#core/rung/external/client.ts";
import type { AiBinding } from "#core/rung/external/workers-ai-binding.ts";
import { doubleApp } from "#scripts/local/decisions/app.ts";
import { DoubleClassifier } from "#scripts/local/decisions/classifier.ts";
import { hop, questions } from "#test/helpers/rung.ts";
import { testRung } from "../rung.suite.ts";

const labels = ["a", "b", "c"];
const model = "jev-latest";
let url = "";
let stop = () => {};

beforeAll(async () => {
  const classifier = new DoubleClassifier();
  const rows = questions(60).map(({ instance: state }, i) => ({ state, label: labels[i % 3] as string }));
  classifier.learn(labels, rows);
  const app = doubleApp(classifier);
  await new Promise<void>((resolve) => {
    const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, (info: AddressInfo) => {
      url = `http://127.0.0.1:${info.port}`;
      resolve();
    });
    stop = () => void server.close();
  });
});
afterAll(() => stop());

/** The binding exists at Cloudflare alone: this one reaches the local decision server, over HTTP. */
const ai: AiBinding = {
  async run(name, body, options) {
    expect(name).toBe("@cf/cloudflare/clef");
    expect(body).toMatchObject({ model: "clef" });
    const response = await fetch(`${url}/v1/systemone`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      ...(options?.signal ? { signal: options.signal } : {}),
    });
    return response.json();
  },
};

function clientOf(kind: ExternalKind, more: Partial<ExternalRung> = {}): ExternalRungClient {
  const rung: ExternalRung = {
    name: "above",
    kind,
    model: kind === "workers-ai" ? "@cf/cloudflare/clef" : model,
    ...more,
  };
  return new ExternalRungClient({ rung, model: "shop", labels, targetRisk: 0.1, endpoint: { url, key: null }, ai });
}

for (const kind of ["system-one", "openai-decisions", "openai-chat", "workers-ai"] as const) {
  testRung(`by ${kind}`, false, async () => ({ rung: clientOf(kind), questions, hop }));
}
testRung("by votes", false, async () => ({ rung: clientOf("openai-chat", { votes: 3, url }), questions, hop }));

describe("an external rung", () => {
  it("gives the same scores by each protocol", async () => {
    const asked = questions(4);
    const all = await Promise.all(
      (["system-one", "openai-decisions", "openai-chat", "workers-ai"] as const).map((kind) =>
        clientOf(kind).ask(asked, hop),
      ),
    );
    for (const replies of all) {
      for (const [i, { answer }] of replies.entries()) {
        for (const label of labels)
          expect(answer.scores[label]).toBeCloseTo(all[0]?.[i]?.answer.scores[label] ?? -1, 3);
        expect(answer.version).toBe("above/local-double");
        expect(answer.rung).toBe("origin");
      }
    }
  });

  it("accepts nothing before our labels have calibrated it", async () => {
    const [reply] = await clientOf("system-one", { threshold: 0 }).ask(questions(1), hop);
    expect(reply?.answer).toMatchObject({ accepted: false, certificate: null });
    const [trusted] = await clientOf("system-one", { threshold: 0, minLabels: 0 }).ask(questions(1), hop);
    expect(trusted?.answer.accepted).toBe(true);
  });

  it("says what a question cost", async () => {
    const price = { usdPerQuestion: 0.001, usdPerMillionInputTokens: 100 };
    const [reply] = await clientOf("system-one", { price }).askEach(questions(1), hop);
    const { usd, inputTokens } = reply as { usd: number; inputTokens: number };
    expect(inputTokens).toBeGreaterThan(20);
    expect(usd).toBeCloseTo(0.001 + inputTokens * 1e-4, 9);
  });
});
