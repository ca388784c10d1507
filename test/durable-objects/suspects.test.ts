import { expect, it } from "vitest";
import type { Suspects } from "#core/contract/index.ts";
import { call, expectOk, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const region = new TestRegion("suspected");
const path = `/v1/models/${region.model}/regions/${region.region}/suspects`;
const planted = 12;

async function suspects(query = ""): Promise<Suspects> {
  return (await expectOk(call("GET", `${path}${query}`))).json();
}

it("finds wrong labels among a region's samples by heads that have not learned from them", async () => {
  await publish({ model: region.model, policy: { keep: "all", truth: "complete" } });
  const labelled = region.labelledQuestions(400);
  const wrong = new Set(labelled.slice(0, planted).map(({ question }) => question.id));
  const other = { a: "b", b: "c", c: "a" } as Record<string, string>;
  await region.teach(
    labelled.map((one) => (wrong.has(one.question.id) ? { ...one, label: other[one.label] as string } : one)),
  );
  expect(await suspects()).toEqual({ samples: 0, disagreements: 0, suspects: [] });
  await region.retrain();
  const found = await suspects();
  const hits = found.suspects.slice(0, planted).filter(({ id }) => wrong.has(id)).length;
  // By chance it would be less than one.
  expect([hits >= planted / 2, found.samples >= 300]).toEqual([true, true]);
  expect((await suspects("?limit=3")).suspects).toEqual(found.suspects.slice(0, 3));
  // A corrected label is no longer a suspect.
  const first = found.suspects.find(({ id }) => wrong.has(id));
  await region.teach([{ id: first?.id as string, label: first?.suggestion as string }]);
  expect((await suspects()).suspects.map(({ id }) => id)).not.toContain(first?.id);
  expect((await call("GET", path.replace(region.region, "nowhere"))).status).toBe(404);
  expect((await call("GET", path, { token: "ask-token" })).status).toBe(403);
});
