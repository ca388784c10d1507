import { describe, expect, it } from "vitest";
import { compare } from "#scripts/replay/compare.ts";
import { allRows } from "#scripts/replay/played.ts";
import { playedOf } from "./played.ts";

const day = "2015-01-01";

describe("edge, origin and ladder on the same questions", () => {
  // The ladder answers two at the edge (by the regional head), one from memory, one by the origin.
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
    // The origin was away: this one is left out for all.
    { day, truth: "No", accepted: false, ladder: 0.1, heads: { global: 0.1, regional: 0.1 } },
  ]);
  const found = compare(played, allRows(played));

  it("all answered: accuracy, log-loss and calls to the origin, by hand", () => {
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

  it("at the ladder's own coverage: what its rule let pass, and of each head the surest three", () => {
    expect(found?.atLiveCoverage.ladder).toMatchObject({ answered: 3, accuracy: 2 / 3, originCalls: 0 });
    // Surest of global: 0.9 wrong, 0.8 right, 0.3 wrong; of regional: 0.9, 0.8 right, then 0.55 for 0.45 and 0.55 alike.
    expect(found?.atLiveCoverage["edge only"].accuracy).toBeCloseTo(1 / 3, 12);
    expect(found?.atLiveCoverage["regional only"].accuracy).toBeCloseTo(1, 12);
    expect(found?.atLiveCoverage["origin only"]).toMatchObject({ answered: 3, accuracy: 1, originCalls: 4 });
    expect(found?.atLiveCoverage["origin only"].logLoss).toBeCloseTo(-Math.log(0.7 * 0.8 * 0.9) / 3, 12);
  });

  it("finds how many calls to the origin can be saved at its own accuracy", () => {
    // Surest of regional: 0.9 and 0.8, right; then 0.55 twice, the second of them wrong.
    expect(found?.atOriginAccuracy.originAccuracy).toBe(1);
    expect(found?.atOriginAccuracy).toMatchObject({ saved: 3 / 4, accuracy: 1 });
  });

  it("says nothing where nothing passed, or where a head is missing throughout", () => {
    const heads = { global: 0.8, regional: 0.9, full: 0.6 };
    const strict = playedOf([{ day, truth: "Yes", rung: "origin", ladder: 0.6, heads }]);
    expect(compare(strict, [0])?.atLiveCoverage.ladder).toEqual({ ...nothing, originCalls: 0 });
    expect(compare(playedOf([{ day, truth: "Yes", ladder: 0.6 }]), [0])).toBeNull();
  });
});

const nothing = { answered: 0, accuracy: null, logLoss: null };
