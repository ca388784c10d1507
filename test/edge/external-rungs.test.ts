import { exports } from "cloudflare:workers";
import { beforeAll, expect, it } from "vitest";
import type { ExternalKind, Question } from "#core/contract/index.ts";
import { ExternalRungClient } from "#core/rung/external/client.ts";
import { stampOf } from "#core/rung/stamp.ts";
import { testRung } from "../core/rung/rung.suite.ts";
import { testBindings } from "../helpers/bindings.ts";
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
function clientOf(kind: ExternalKind, key = "ask-token"): ExternalRungClient {
  const url = "https://edge.test";
  const send = ((input: string, init: RequestInit) =>
    (exports as unknown as { default: Fetcher }).default.fetch(input, init as never)) as unknown as typeof fetch;
  return new ExternalRungClient({
    rung: { name: "above", kind, url, model },
    ...{ model: "shop", labels: ["a", "b", "c"], targetRisk: 0.1, endpoint: { url, key }, fetch: send },
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
  const via = ["another", "edge"];
  const byVia = clientOf(kind, "rung-token").ask(questions(1), { ...hop, via });
  await expect(byVia).rejects.toMatchObject({ message: expect.stringContaining("status 508"), why: "rejected" });
  // A node's stamp counts from every caller; `via` counts from rungs alone.
  const stamps = ["0".repeat(24), await stampOf(testBindings.SPLIT_SECRET, "edge")];
  const byStamp = clientOf(kind).ask(questions(1), { ...other, stamps });
  await expect(byStamp).rejects.toThrow("status 508");
  const forged = await clientOf(kind).ask(questions(1), { ...hop, via, stamps: ["0".repeat(24)] });
  expect(forged).toHaveLength(1);
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
