import { describe, expect, it } from "vitest";
import type { ComparedQuestion } from "#core/confidence/gate.ts";
import { replacesLabel } from "#core/confidence/labels.ts";
import { ownersToLeaveOut, withoutOwner } from "#core/confidence/owners.ts";
import { exceededLimit, untrustedLimits, withinLimits } from "#core/confidence/trust.ts";

describe("labels without trust", () => {
  it("replace no trusted label of the world or of a person, and give way to each", () => {
    const truth = { source: "truth", trusted: true } as const;
    const human = { source: "human", trusted: true } as const;
    const origin = { source: "origin", trusted: true } as const;
    const lie = { source: "truth", trusted: false } as const;
    expect([truth, human, origin].map((known) => replacesLabel(lie, known))).toEqual([false, false, true]);
    expect([truth, human, origin].map((next) => replacesLabel(next, lie))).toEqual([true, true, false]);
    expect([replacesLabel(lie, lie), replacesLabel(human, truth)]).toEqual([true, false]);
  });

  it.each([
    [0, { inAll: 5, ofOwner: 5, perDay: 5, ofOwnerPerDay: 5 }],
    [400, { inAll: 40, ofOwner: 20, perDay: 8, ofOwnerPerDay: 5 }],
    [16_000, { inAll: 1_600, ofOwner: 800, perDay: 320, ofOwnerPerDay: 160 }],
  ])("are limited relative to %i trusted ones", (evidence, limits) => {
    expect(untrustedLimits(evidence)).toEqual(limits);
  });

  it("name the limit that a wait does not lift first, and train in the order in which they came", () => {
    const limits = untrustedLimits(400);
    const use = { inAll: 41, ofOwner: 21, perDay: 9, ofOwnerPerDay: 6 };
    expect(exceededLimit(limits, use)).toBe("ofOwner");
    expect(exceededLimit(limits, { ...use, ofOwner: 20, inAll: 40 })).toBe("ofOwnerPerDay");
    expect(exceededLimit(limits, limits)).toBeNull();
    const labels = Array.from({ length: 60 }, (_, i) => ({ i, owner: i < 30 ? "one" : `sybil ${i}` }));
    const chosen = withinLimits(labels, ({ owner }) => owner, limits);
    expect(chosen.map(({ i }) => i)).toEqual(labels.map(({ i }) => i).filter((i) => i < 20 || (i >= 30 && i < 50)));
  });
});

describe("leaving out an owner", () => {
  const judged = { confidence: 0.8, right: true };
  const rows = (gain: number) =>
    Array.from({ length: 100 }, (_, i): ComparedQuestion => {
      const candidateLoss = 0.4 - gain + (i % 2 === 0 ? 0.0005 : -0.0005);
      return { cluster: `${i}`, currentLoss: 0.4, candidateLoss, current: judged, candidate: judged };
    });
  const costs = (cost: number) => rows(0).map(() => cost);

  it.each([
    ["a gain that is left", 0.02, 0.004, false],
    ["a gain of which most is gone", 0.02, 0.015, true],
    ["a gain that is gone", 0.02, 0.021, true],
    ["labels that do harm", 0.02, -0.01, false],
  ])("holds a promotion where its labels decide: %s", (_, gain, cost, decides) => {
    expect(withoutOwner(rows(gain), costs(cost), 0.1).decides).toBe(decides);
  });

  it("leaves out each owner with a share, then all together", () => {
    const owner = (name: string, n: number, from = 0) => ({
      owner: name,
      rows: Array.from({ length: n }, (_, i) => from + i),
    });
    expect(ownersToLeaveOut([], 100)).toEqual({ alone: [], together: null });
    expect(ownersToLeaveOut([owner("a", 3)], 100)).toMatchObject({ alone: [{ owners: ["a"] }], together: null });
    const many = [owner("a", 2), owner("b", 5, 2), ...Array.from({ length: 40 }, (_, i) => owner(`s${i}`, 1, 7 + i))];
    const { alone, together } = ownersToLeaveOut(many, 500);
    expect(alone.map(({ owners }) => owners)).toEqual([["b"]]);
    expect([together?.owners.length, together?.rows.length]).toEqual([42, 47]);
  });
});
