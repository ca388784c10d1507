// Whole lives of a watched canary, in worlds whose chances of error are known. In Node alone: they are pure, and long.
import { describe, expect, it } from "vitest";
import {
  addDifferences,
  type CanaryPlan,
  type CanaryVerdict,
  type Differences,
  decide,
  differencesOf,
  type VersionLoss,
} from "#core/confidence/canary.ts";
import { seededRandom } from "#origin/random.ts";

const delta = 0.05;
const lives = 2_000;
const samplingError = 3 * Math.sqrt((delta * (1 - delta)) / lives);
const margin = 0.04;

/** The chance of an error of each version's next answer, by region and time. */
interface World {
  regions: number;
  /** The share of the callers that the canary has, by region: who calls more differs. */
  share: (region: number) => number;
  stable: (region: number, time: number) => number;
  /** canary − stable. */
  worse: (region: number, time: number) => number;
}

interface Life {
  outcome: CanaryVerdict["decision"];
  /** Labels of both versions, and of the canary, until it was decided. */
  labels: number;
  canaryLabels: number;
}

const none: Differences = { blocks: 0, sum: 0, squares: 0 };

/** One life with a look after every label. */
function live(random: () => number, world: World, mostLabels: number): Life {
  const plan: CanaryPlan = { errorsOf: "all", margin, coverageMargin: 1, delta };
  const open = Array.from({ length: world.regions }, (): VersionLoss[] => []);
  let closed = none;
  let canaryLabels = 0;
  for (let labels = 1; labels <= mostLabels; labels++) {
    // Some regions ask ten times as much as others.
    const region = Math.floor(world.regions * random() ** 2);
    const side = random() < world.share(region) ? "canary" : "stable";
    if (side === "canary") canaryLabels++;
    const time = labels / mostLabels;
    const risk = world.stable(region, time) + (side === "canary" ? world.worse(region, time) : 0);
    const marks = open[region] as VersionLoss[];
    marks.push({ side, loss: random() < risk ? 1 : 0 });
    const found = differencesOf(marks);
    if (found.blocks === 0) continue;
    open[region] = [];
    closed = addDifferences(closed, found);
    const decision = decide([{ all: closed, accepted: none, escalated: none }], plan);
    if (decision !== "continue") return { outcome: decision, labels, canaryLabels };
  }
  return { outcome: "continue", labels: mostLabels, canaryLabels };
}

function lived(world: World, { count = lives, mostLabels = 4_000 } = {}) {
  const random = seededRandom(17);
  const all = Array.from({ length: count }, () => live(random, world, mostLabels));
  const share = (outcome: Life["outcome"]) => all.filter((life) => life.outcome === outcome).length / count;
  const decided = all.filter((life) => life.outcome !== "continue");
  const median = (of: (life: Life) => number) => decided.map(of).sort((a, b) => a - b)[decided.length >> 1] ?? null;
  return {
    promoted: share("promote"),
    rolledBack: share("roll back"),
    labels: median((life) => life.labels),
    canaryLabels: median((life) => life.canaryLabels),
  };
}

/** Regions that are as different as they come: in error, in how much the canary has of them, and drifting. */
const uneven: Omit<World, "worse"> = {
  regions: 8,
  share: (region) => (region % 2 === 0 ? 0.1 : 0.5),
  stable: (region, time) => 0.02 + 0.03 * region + (time > 0.3 ? 0.1 : 0),
};

const even: Omit<World, "worse"> = { regions: 4, share: () => 0.2, stable: () => 0.05 };

describe("a watched canary, over whole lives with a look after each label", () => {
  for (const [name, world, most] of [
    ["alike regions", even, { promoted: 0.7, rolledBack: 0.5 }],
    ["regions of other error, other shares, and drift", uneven, { promoted: 0.2, rolledBack: 0.2 }],
  ] as const) {
    it(`that is just as good is rolled back in at most delta of them: ${name}`, () => {
      const seen = lived({ ...world, worse: () => 0 });
      expect(seen.rolledBack).toBeLessThanOrEqual(delta + samplingError);
      expect(seen.promoted).toBeGreaterThan(most.promoted);
    });

    it(`that is worse by just the margin is promoted in at most delta of them: ${name}`, () => {
      const seen = lived({ ...world, worse: () => margin });
      expect(seen.promoted).toBeLessThanOrEqual(delta + samplingError);
      expect(seen.rolledBack).toBeGreaterThan(most.rolledBack);
    });
  }

  it("that is better in half of the regions and worse in the others is judged by all", () => {
    const worse = (region: number) => (region % 2 === 0 ? 0.2 : -0.02);
    expect(lived({ ...even, worse }, { count: 200 })).toMatchObject({ promoted: 0, rolledBack: 1 });
  });

  it("is decided sooner the more it differs", () => {
    const labelsFor = (difference: number) => {
      const { labels, canaryLabels, promoted, rolledBack } = lived(
        { ...even, stable: () => 0.1, share: () => 0.1, worse: () => difference },
        { count: 100, mostLabels: 40_000 },
      );
      return { difference, labels: labels ?? 0, canaryLabels: canaryLabels ?? 0, promoted, rolledBack };
    };
    const found = [-0.05, 0, 0.04, 0.1, 0.4].map(labelsFor);
    const [better, equal, worse, bad, broken] = found.map(({ labels }) => labels) as [number, ...number[]];
    expect(better).toBeLessThan(equal as number);
    expect(bad).toBeLessThan(worse as number);
    expect(broken).toBeLessThan(bad as number);
    expect(broken).toBeLessThan(1_000);
    expect(equal).toBeLessThan(15_000);
  });
});

describe("what is not valid", () => {
  it("means over all regions at once, where the canary has more of the regions that err", () => {
    // Each side's mean over all regions, compared as though callers fell to them alike everywhere.
    const world: World = { ...uneven, stable: (region) => (region % 2 === 0 ? 0.02 : 0.25), worse: () => 0 };
    const random = seededRandom(3);
    const pooled = Array.from({ length: 4_000 }, (): VersionLoss => {
      const region = Math.floor(world.regions * random() ** 2);
      const side = random() < world.share(region) ? "canary" : "stable";
      return { side, loss: random() < world.stable(region, 0) ? 1 : 0 };
    });
    const plan: CanaryPlan = { errorsOf: "all", margin, coverageMargin: 1, delta };
    expect(decide([{ all: differencesOf(pooled), accepted: none, escalated: none }], plan)).toBe("roll back");
    expect(lived(world, { count: 200 }).rolledBack).toBeLessThanOrEqual(delta);
  });
});
