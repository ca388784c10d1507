import { exports } from "cloudflare:workers";
import { beforeAll, expect, it } from "vitest";
import type { ExternalKind, Question } from "#core/contract/index.ts";
import { ExternalRungClient } from "#core/rung/external/client.ts";
import { testRung } from "../core/rung/rung.suite.ts";
import { publish } from "../helpers/edge.ts";
import { hop } from "../helpers/rung.ts";

const model = "peer";
let asked = 0;

function questions(n: number): Question[] {
  return Array.from({ length: n }, () => {
    asked++;
    const instance = { region: "north", x0: Math.sin(asked), x1: 0.5, x2: asked % 3, x3: null };
    return { id: `${model}~north~${asked}`, region: "north", instance, at: 0 };
  });
}

/** Another's Upriver as a rung above, by each of the protocols that it speaks. */
function clientOf(kind: ExternalKind): ExternalRungClient {
  const url = "https://edge.test";
  const send = ((input: string, init: RequestInit) =>
    (exports as unknown as { default: Fetcher }).default.fetch(input, init as never)) as unknown as typeof fetch;
  return new ExternalRungClient({
    rung: { name: "above", kind, url, model },
    ...{ model: "shop", labels: ["a", "b", "c"], targetRisk: 0.1, endpoint: { url, key: "ask-token" }, fetch: send },
  });
}

const other = { ...hop, via: ["another"] };

beforeAll(async () => {
  await publish({ model, threshold: 0 });
});

for (const kind of ["open-inference", "http", "system-one", "openai-decisions"] as const) {
  testRung(`Upriver by ${kind}`, false, async () => ({ rung: clientOf(kind), questions, hop: other }));
}

it.each(["open-inference", "http", "system-one", "openai-decisions"] as const)("finds a loop by %s", async (kind) => {
  const asked = clientOf(kind).ask(questions(1), { ...hop, via: ["another", "edge"] });
  await expect(asked).rejects.toThrow("status 508");
});

it("gives the same scores by each protocol", async () => {
  const some = questions(3);
  const all = await Promise.all(
    (["open-inference", "http", "system-one", "openai-decisions"] as const).map((kind) =>
      clientOf(kind).ask(some, other),
    ),
  );
  const scores = all.map((replies) => replies.map(({ answer }) => answer.scores));
  for (const one of scores) {
    for (const [i, own] of one.entries()) {
      for (const [label, score] of Object.entries(own)) expect(score).toBeCloseTo(scores[0]?.[i]?.[label] ?? -1, 3);
    }
  }
});
