import { env } from "cloudflare:workers";
import { afterEach, expect, it, vi } from "vitest";
import type { Answer, ExternalRung, ModelLadder, RegionSpending } from "#core/contract/index.ts";
import { call, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const above = (env as unknown as { TEST_ABOVE_URL: string }).TEST_ABOVE_URL;
const usdPerQuestion = 0.01;
const days = 30;
const lookHours = 8;
const questionsPerLook = 4;
const dayMs = 24 * 3600_000;
const targetRisk = 0.1;
const model = "bud-whole-month";

afterEach(() => void vi.useRealTimers());

it("keeps half of what asking every question above would cost, over a month in compressed time", {
  timeout: 240_000,
}, async () => {
  const start = Date.UTC(2026, 10, 1);
  vi.useFakeTimers({ toFake: ["Date"], now: start });
  const all = days * (24 / lookHours) * questionsPerLook * 2;
  const usdPerMonth = 0.5 * all * usdPerQuestion;
  // The rung above says "a" with 0.9 whatever it is asked.
  const jev: ExternalRung = {
    ...{ name: "jev", kind: "system-one", url: `${above}/named-month`, model: "m", key: "RUNG_KEY_ABOVE" },
    ...{ deadlineMs: 8_000, minLabels: 30, threshold: 0.85, price: { usdPerQuestion } },
  };
  const budget = { usdPerMonth, atLimit: "answer" as const };
  const policy = { ladder: ["edge", "region", "origin"] as const, above: [jev], budget, learning: [] };
  await publish({ model, threshold: 1.01, policy: { ...policy, ladder: [...policy.ladder] } });
  const regions = ["north", "south"].map((region) => new TestRegion(model, region));
  const answers: (Answer & { truth: string })[] = [];
  let spentHalfWay = 0;
  const spent = async () => {
    const states = regions.map((region) => region.inside((object) => object.state(1)));
    return (await Promise.all(states)).reduce((sum, { spending }) => sum + (spending as RegionSpending).usd, 0);
  };
  for (let look = 0; look < (days * 24) / lookHours; look++) {
    vi.setSystemTime(start + look * lookHours * 3600_000 + 60_000);
    for (const region of regions) {
      const ids = Array.from({ length: questionsPerLook }, (_, i) => `${model}~${region.region}~${look}-${i}`);
      const given = await region.ask(
        ids.map((_, i) => instance((look * questionsPerLook + i) % 40, region.region)),
        ids,
      );
      const labelled = given.map((answer, i) => ({ ...answer, truth: (look + i) % 20 === 0 ? "b" : "a" }));
      answers.push(...labelled);
      await region.teach(
        labelled.filter((_, i) => i === look % questionsPerLook).map(({ id, truth }) => ({ id, label: truth })),
      );
      // What is due within the next hours is due now.
      await region.rows("UPDATE jobs SET due = 1 WHERE kind IN ('budget', 'escalate')");
      await region.inside((object) => object.alarm());
    }
    if (look === (days * 24) / lookHours / 2) spentHalfWay = await spent();
  }
  expect(Date.now()).toBeLessThan(start + days * dayMs);
  const asked = answers.filter(({ rung }) => rung === "origin");
  const usd = await spent();
  const server = await (await fetch(`${above}/asked`)).json<Record<string, number>>();
  expect(server["/named-month/v1/systemone"]).toBe(asked.length);
  expect(usd).toBeCloseTo(asked.length * usdPerQuestion, 6);
  expect(usd).toBeLessThanOrEqual(usdPerMonth + 1e-9);
  expect(usd).toBeGreaterThan(0.9 * usdPerMonth);
  // It is spread over the month.
  expect(spentHalfWay / usdPerMonth).toBeGreaterThan(0.4);
  expect(spentHalfWay / usdPerMonth).toBeLessThan(0.6);
  expect(answers).toHaveLength(all);
  expect(answers.every(({ status }) => status === "answered")).toBe(true);
  const accepted = answers.filter((answer) => answer.accepted);
  const wrong = accepted.filter(({ label, truth }) => label !== truth).length;
  expect(accepted.length).toBeGreaterThan(100);
  expect(wrong / accepted.length).toBeLessThan(targetRisk);
  const { models } = await (await expectOk(call("GET", "/v1/ladder"))).json<{ models: ModelLadder[] }>();
  const spending = models.find((one) => one.model === model)?.spending;
  expect(spending).toMatchObject({ month: "2026-11", usdPerMonth, questions: all, leftOut: all - asked.length });
  expect(spending?.savedUsd).toBeCloseTo(all * usdPerQuestion - usd, 6);
});
