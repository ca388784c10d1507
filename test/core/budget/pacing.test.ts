import { describe, expect, it } from "vitest";
import { monthEnd, monthOf } from "#core/budget/month.ts";
import {
  addDemand,
  addQuestion,
  type DayDemand,
  type Demand,
  forecast,
  goesUp,
  leastHelpPerUsd,
  noDemand,
  planFor,
} from "#core/budget/pacing.ts";
import { seeded } from "../../helpers/random.ts";

const dayMs = 24 * 3600_000;
const start = Date.UTC(2026, 10, 1);
const day = start / dayMs;

function daysOf(demand: Demand, count: number): DayDemand[] {
  return Array.from({ length: count }, (_, i) => ({ ...demand, day: day + i, from: start + i * dayMs }));
}

describe("months", () => {
  it("are calendar months in UTC", () => {
    expect(monthOf(Date.UTC(2026, 11, 31, 23, 59, 59, 999))).toBe("2026-12");
    expect(monthOf(Date.UTC(2027, 0, 1))).toBe("2027-01");
    expect(monthEnd("2026-12")).toBe(Date.UTC(2027, 0, 1));
    expect(monthEnd("2028-02") - Date.UTC(2028, 1, 1)).toBe(29 * dayMs);
  });
});

describe("a forecast", () => {
  it("goes on as the recent days did", () => {
    const demand = addQuestion(noDemand(), 0.5, 2);
    const { up } = forecast({ days: daysOf(demand, 5), now: start + 5 * dayMs, end: start + 30 * dayMs });
    expect(Object.values(up)).toEqual([expect.closeTo(50, 9)]);
  });

  it("follows a volume that has changed", () => {
    const [one, five] = [1, 5].map((usd) => addQuestion(noDemand(), usd / 4, usd)) as [Demand, Demand];
    const days = [...daysOf(one, 10), ...daysOf(five, 14).slice(10)];
    const { up } = forecast({ days, now: start + 14 * dayMs, end: start + 15 * dayMs });
    const rate = Object.values(up).reduce((sum, usd) => sum + usd, 0);
    expect(rate).toBeGreaterThan(3);
    expect(rate).toBeLessThan(5);
  });

  it("takes no rate from less than a day", () => {
    const [first] = daysOf(addQuestion(noDemand(), 0.5, 2), 1) as [DayDemand];
    const { up } = forecast({ days: [first], now: start + 60_000, end: start + 10 * dayMs + 60_000 });
    expect(Object.values(up)[0]).toBeCloseTo(20, 9);
  });
});

describe("a plan", () => {
  it.each([1, 2, 3])("buys as much help as the best fractional knapsack, within a bin (seed %i)", (seed) => {
    const random = seeded(seed);
    const questions = Array.from({ length: 3_000 }, () => ({
      help: random() ** 2,
      expectedUsd: 0.001 + 0.01 * random(),
    }));
    const demand = questions.reduce((sum, one) => addQuestion(sum, one.help, one.expectedUsd), noDemand());
    const total = questions.reduce((sum, { expectedUsd }) => sum + expectedUsd, 0);
    const leftUsd = (0.1 + 0.8 * random()) * total;
    const plan = planFor({
      days: daysOf(demand, 1),
      leftUsd,
      now: start + dayMs,
      end: start + 2 * dayMs,
      explorationShare: 0,
    });
    let [spent, helped] = [0, 0];
    for (const one of questions) {
      if (!goesUp(plan, { ...one, coin: random() }, 0)) continue;
      spent += one.expectedUsd;
      helped += one.help;
    }
    // The oracle: the best help for its price first, until nothing is left.
    let [left, best] = [leftUsd, 0];
    for (const { help, expectedUsd } of questions.toSorted((a, b) => b.help / b.expectedUsd - a.help / a.expectedUsd)) {
      const part = Math.min(1, left / expectedUsd);
      best += part * help;
      left -= part * expectedUsd;
    }
    expect(Math.abs(spent - leftUsd) / leftUsd).toBeLessThan(0.03);
    expect(helped / best).toBeGreaterThan(0.97);
    expect(helped / best).toBeLessThan(1.03);
  });

  it("pays what it explores from the same budget", () => {
    const demand = [0.1, 0.9].map((help) => addQuestion(noDemand(), help, 100)).reduce(addDemand);
    const plan = planFor({
      days: daysOf(demand, 1),
      leftUsd: 100,
      now: start + dayMs,
      end: start + 2 * dayMs,
      explorationShare: 0.1,
    });
    // 10% of 200 are explored; 80 of 90% of the rest go up.
    expect(plan.share).toBeCloseTo(80 / 90 / 1, 2);
    expect(leastHelpPerUsd(plan)).toBeGreaterThan(0.005);
  });

  it("asks for opinions with what the questions leave over", () => {
    const demand = { ...addQuestion(noDemand(), 0.5, 6), opinions: 8 };
    const at = (leftUsd: number) =>
      planFor({ days: daysOf(demand, 1), leftUsd, now: start + dayMs, end: start + 2 * dayMs, explorationShare: 0 });
    expect(at(100)).toMatchObject({ bin: -1, opinions: 1 });
    expect(at(8).opinions).toBeCloseTo(0.25, 9);
    expect(at(5).opinions).toBe(0);
    expect(at(0).share).toBe(0);
  });
});
