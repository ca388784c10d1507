import { describe, expect, it } from "vitest";
import { compare } from "#scripts/replay/compare.ts";
import { allRows } from "#scripts/replay/played.ts";
import { playedOf } from "./played.ts";

const day = "2015-01-01";

describe("compare", () => {
  // The ladder answers two at the edge (by the regional head), one from the semantic cache, one by the origin.
  const played = playedOf([
    { day, truth: "Yes", ladder: 0.9, heads: { global: 0.8, regional: 0.9, full: 0.6 } },
    { day, truth: "Yes", ladder: 0.8, heads: { global: 0.3, regional: 0.8, full: 0.7 } },
    { day, truth: "No", rung: "region", ladder: 0.75, heads: { global: 0.4, regional: 0.45, full: 0.2 } },
    {
      day,
      truth: "No",
      rung: "origin",
      accepted: false,
      ladder: 0.1,
      heads: { global: 0.9, regional: 0.55, full: 0.1 },
    },
    // The origin was down: this question is left out for all strategies.
    { day, truth: "No", accepted: false, ladder: 0.1, heads: { global: 0.1, regional: 0.1 } },
  ]);
  const found = compare(played, allRows(played));

  it("measures accuracy, log-loss and origin calls when all questions are answered", () => {
    expect(found).toMatchObject({ questions: 4, liveCoverage: 0.75 });
    expect(found?.all).toMatchObject({
      "edge only": { answered: 4, accuracy: 0.5, originCalls: 0 },
      "regional only": { answered: 4, accuracy: 0.75, originCalls: 0 },
      "origin only": { answered: 4, accuracy: 1, originCalls: 4 },
      ladder: { answered: 4, accuracy: 0.75, originCalls: 1 },
    });
    expect(found?.all.ladder.logLoss).toBeCloseTo(-Math.log(0.9 * 0.8 * 0.25 * 0.9) / 4, 12);
    expect(found?.all["edge only"].logLoss).toBeCloseTo(-Math.log(0.8 * 0.3 * 0.6 * 0.1) / 4, 12);
  });

  it("measures the ladder's accepted answers and each head's three most confident ones", () => {
    expect(found?.atLiveCoverage.ladder).toMatchObject({ answered: 3, accuracy: 2 / 3, originCalls: 0 });
    // Most confident of global: 0.9 wrong, 0.8 right, 0.3 wrong; of regional: 0.9, 0.8 right, then 0.55 for 0.45 and 0.55 alike.
    expect(found?.atLiveCoverage["edge only"].accuracy).toBeCloseTo(1 / 3, 12);
    expect(found?.atLiveCoverage["regional only"].accuracy).toBeCloseTo(1, 12);
    expect(found?.atLiveCoverage["origin only"]).toMatchObject({ answered: 3, accuracy: 1, originCalls: 4 });
    expect(found?.atLiveCoverage["origin only"].logLoss).toBeCloseTo(-Math.log(0.7 * 0.8 * 0.9) / 3, 12);
  });

  it("finds how many origin calls can be saved at the origin's accuracy", () => {
    // Most confident of regional: 0.9 and 0.8, right; then 0.55 twice, the second of them wrong.
    expect(found?.atOriginAccuracy.originAccuracy).toBe(1);
    expect(found?.atOriginAccuracy).toMatchObject({ saved: 3 / 4, accuracy: 1 });
  });

  it("returns null figures without accepted answers, and null when a head scored nothing", () => {
    const heads = { global: 0.8, regional: 0.9, full: 0.6 };
    const strict = playedOf([{ day, truth: "Yes", rung: "origin", ladder: 0.6, heads }]);
    expect(compare(strict, [0])?.atLiveCoverage.ladder).toEqual({ ...nothing, originCalls: 0 });
    expect(compare(playedOf([{ day, truth: "Yes", ladder: 0.6 }]), [0])).toBeNull();
  });
});

const nothing = { answered: 0, accuracy: null, logLoss: null };
