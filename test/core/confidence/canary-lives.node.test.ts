// Whole lives of a watched canary, in worlds whose errors are known. In Node alone: they are pure, and long.
import { describe, expect, it } from "vitest";
import type { CanaryPlan } from "#core/contract/index.ts";
import { seededRandom } from "#origin/random.ts";
import { type Labelling, type Life, live } from "#scripts/simulate/canary-life.ts";
import type { World } from "#scripts/simulate/canary-world.ts";
import { largestShare } from "#test/helpers/chance.ts";

const delta = 0.05;
const lives = 200;
const margin = 0.04;
const plan: CanaryPlan = { margin, coverageMargin: null, delta };

const alone: Omit<World, "canary"> = {
  ...{ stable: 0.1, regions: 4, groupSize: 1, openGroups: 1, coverage: 0.8 },
  shocks: { group: 0.08, groupAlone: 0.02, question: 0.76, alone: 0.14 },
};
const shocked = { ...alone, groupSize: 20, shocks: { group: 0.2, groupAlone: 0.1, question: 0.6, alone: 0.1 } };
const all: Labelling = { plannedShare: { stable: 1, canary: 1 }, share: 0.1 };
const audits: Labelling = { plannedShare: { stable: 0.1, canary: 0.4 }, share: 0.3 };

function lived(world: Omit<World, "canary">, difference: number, labelling: Labelling, count = lives) {
  const random = seededRandom(17);
  const found = Array.from({ length: count }, () =>
    live({ ...world, canary: world.stable + difference }, labelling, plan, 3_000, random, ["paired"]),
  );
  const share = (decision: Life["paired"]["decision"]) =>
    found.filter(({ paired }) => paired.decision === decision).length / count;
  const labels = found.map(({ paired }) => paired.labels).sort((a, b) => a - b)[count >> 1] as number;
  return { promoted: share("promote"), rolledBack: share("roll back"), labels };
}

describe("a watched canary, over whole lives", () => {
  for (const [name, world, labelling] of [
    ["independent questions", alone, all],
    ["groups with strong shocks", shocked, all],
    ["labels that each version plans with its own probability", alone, audits],
  ] as const) {
    it(`that is just as good is rolled back in at most delta of them: ${name}`, { timeout: 120_000 }, () => {
      expect(lived(world, 0, labelling).rolledBack).toBeLessThanOrEqual(largestShare(lives, delta));
    });

    it(`that is worse by just the margin is promoted in at most delta of them: ${name}`, { timeout: 120_000 }, () => {
      expect(lived(world, margin, labelling).promoted).toBeLessThanOrEqual(largestShare(lives, delta));
    });
  }

  it("is decided sooner the more it differs", { timeout: 120_000 }, () => {
    const [better, equal, bad] = [-0.05, 0, 0.2].map((difference) => lived(alone, difference, all, 100));
    expect(better?.promoted).toBe(1);
    expect(bad?.rolledBack).toBe(1);
    expect(better?.labels).toBeLessThan(equal?.labels as number);
    expect(bad?.labels).toBeLessThan(300);
  });
});
