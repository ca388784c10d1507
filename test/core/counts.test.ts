import { describe, expect, it } from "vitest";
import { countsSchema, latencyBoundsMs } from "#core/contract/index.ts";
import { addCounts, countAnswer, latencyQuantile, noCounts, sumCounts } from "#core/counts.ts";
import { seeded } from "../helpers/random.ts";

describe("latencyQuantile", () => {
  it("is in the bucket of the true quantile, over many samples", () => {
    const random = seeded(3);
    for (let round = 0; round < 50; round++) {
      const counts = noCounts().rungs.edge;
      const all = Array.from({ length: 1 + Math.floor(random() * 400) }, () => Math.exp(random() * 12));
      for (const ms of all) countAnswer(counts, true, ms);
      all.sort((a, b) => a - b);
      for (const q of [0.5, 0.9, 0.99, 1]) {
        const truth = all[Math.ceil(q * all.length) - 1] as number;
        const found = latencyQuantile(counts, q) as number;
        const upper = latencyBoundsMs.find((bound) => truth <= bound) as number;
        const lower = latencyBoundsMs[latencyBoundsMs.indexOf(upper as 1) - 1] ?? 0;
        expect(found).toBeGreaterThanOrEqual(lower);
        expect(found).toBeLessThanOrEqual(upper);
      }
    }
  });

  it("is interpolated linearly within its bucket", () => {
    const counts = noCounts().rungs.origin;
    for (let i = 0; i < 10; i++) countAnswer(counts, true, 15);
    // All ten lie between 10 and 20 ms: the median is taken for the middle.
    expect(latencyQuantile(counts, 0.5)).toBeCloseTo(15, 9);
    expect(latencyQuantile(counts, 0.99)).toBeCloseTo(19.9, 9);
  });

  it("is null without answers, and the last bound above all buckets", () => {
    const counts = noCounts().rungs.human;
    expect(latencyQuantile(counts, 0.5)).toBeNull();
    countAnswer(counts, true, 10 * 86_400_000);
    expect(latencyQuantile(counts, 0.5)).toBe(86_400_000);
  });
});

it("counts add up in any order, and match the contract", () => {
  const some = (n: number) => {
    const counts = noCounts();
    counts.questions = n;
    counts.labels.human = 2 * n;
    countAnswer(counts.rungs.edge, n > 1, n);
    return counts;
  };
  const sum = sumCounts([some(1), some(2), some(3)]);
  expect(sum).toEqual(addCounts(addCounts(some(3), some(1)), some(2)));
  expect(sum).toMatchObject({ questions: 6, labels: { human: 12 }, rungs: { edge: { answered: 3, accepted: 2 } } });
  expect(countsSchema.parse(sum)).toEqual(sum);
});
