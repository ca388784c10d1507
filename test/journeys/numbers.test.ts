import { afterAll, beforeAll, expect, it } from "vitest";
import { dayMs } from "../../scripts/replay/days.ts";
import { play } from "../../scripts/replay/play.ts";
import type { Report } from "../../scripts/replay/report.ts";
import { UpriverClient } from "../../workers/client/index.ts";
import { storefront } from "../../workers/origin/recipes/storefront.ts";
import { temporaryLadder } from "./ladder.ts";

/** How long after the last question all isolates have told what they counted. */
const quietMs = 5_000;

let ladder: Awaited<ReturnType<typeof temporaryLadder>>;
let client: UpriverClient;
let report: Report;

beforeAll(async () => {
  ladder = await temporaryLadder({ recipe: storefront.name });
  const { edge: url, tokens } = ladder.credentials;
  // Not held to the OpenAPI document: there are thousands of answers.
  client = new UpriverClient({ url, token: tokens.admin });
  const times = { from: Date.parse("2025-07-01"), to: Date.parse("2025-07-14") + dayMs - 1 };
  const teachFrom = Date.parse("2025-05-01");
  report = await play(client, storefront, await storefront.load({}), { ...times, teachFrom, onProgress: () => {} });
});
afterAll(() => ladder?.stop());

it("a replay, the ladder, the metrics and what the regions say agree to the last question", async () => {
  const above = async () => {
    const [model] = (await client.ladder()).models;
    const rungs = new Map(model?.rungs.map((rung) => [rung.rung, rung]));
    return { questions: model?.questions, rungs, open: model?.open };
  };
  const { answered, questions } = report;
  // What climbed is counted by the regions, at once: who answered, and what was left to a person.
  const now = await above();
  expect(now.rungs.get("origin")?.answered).toBe(answered.origin);
  expect(now.rungs.get("region")?.answered).toBe(answered.region);
  expect(now.rungs.get("human")?.asked).toBe(answered.human);
  await new Promise((resolve) => setTimeout(resolve, quietMs));
  const later = await above();
  expect(later.questions).toBe(questions);
  expect(later.rungs.get("edge")).toMatchObject({ asked: questions, answered: answered.edge });
  expect(later.rungs.get("human")?.asked).toBe(answered.human);

  const metrics = await client.metrics();
  const sumOf = (name: string, label = "") =>
    metrics
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) && line.includes(label))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  expect(sumOf("upriver_questions_total")).toBe(questions);
  expect(sumOf("upriver_answers_total", 'rung="edge"')).toBe(answered.edge);
  expect(sumOf("upriver_answers_total", 'rung="origin"')).toBe(answered.origin);
  expect(sumOf("upriver_escalated_total")).toBe(questions - answered.edge);
});
