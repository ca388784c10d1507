import { env } from "cloudflare:workers";
import type { Question } from "#core/contract/index.ts";
import { beginSpan } from "#core/trace-context.ts";
import type { Call } from "#edge/call.ts";
import { RegionRung } from "#edge/ladder/region-rung.ts";
import { nodeOf } from "#edge/node.ts";
import { testRung } from "../core/rung/rung.suite.ts";
import { instance, publish } from "../helpers/edge.ts";

let asked = 0;

function questions(n: number): Question[] {
  return Array.from({ length: n }, () => {
    asked++;
    return { id: `hard~north~rung-${asked}`, region: "north", instance: instance(asked), at: 0 };
  });
}

testRung("the region's object, with the origin above it", false, async () => {
  await publish({ model: "hard" });
  const call: Call = {
    request: new Request("https://edge.test/"),
    env,
    node: nodeOf(env),
    token: null,
    span: beginSpan({}),
    params: {},
    noted: {},
    query: () => null,
    queries: () => [],
    later: () => {},
  };
  return {
    rung: new RegionRung(call, "hard", 1, "north"),
    questions,
    hop: { owner: "asker", remainingMs: 5_000, via: ["edge"], trace: false },
  };
});
