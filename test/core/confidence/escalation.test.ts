import { describe, expect, it } from "vitest";
import {
  answerFrom,
  continueWithNewHead,
  type EscalationState,
  escalatesAll,
  falseAlarmPairs,
  isComparable,
  learnPair,
  routeOf,
  startEscalation,
} from "#core/confidence/escalation.ts";
import { comparePublished, type EscalatedRow, favoursFull } from "#core/confidence/escalation-estimate.ts";
import { seeded } from "#test/helpers/random.ts";

/** The chances that only the rung above, or only the edge, is right. */
interface World {
  onlyAbove: number;
  onlyEdge: number;
}

const worseBy10: World = { onlyAbove: 0.15, onlyEdge: 0.25 };
const betterBy10: World = { onlyAbove: 0.25, onlyEdge: 0.15 };
const equal: World = { onlyAbove: 0.2, onlyEdge: 0.2 };

function draw({ onlyAbove, onlyEdge }: World, random: () => number) {
  const at = random();
  const both = at > 0.7;
  return { aboveRight: both || at < onlyAbove, edgeRight: both || (at >= onlyAbove && at < onlyAbove + onlyEdge) };
}

/** Learns pairs until the status is the given one; returns the state and the number of pairs. */
function until(
  status: EscalationState["status"],
  from: EscalationState,
  world: World,
  random: () => number,
  most = 20_000,
) {
  let state = from;
  let pairs = 0;
  while (state.status !== status && pairs < most) {
    state = learnPair(state, draw(world, random));
    pairs++;
  }
  return { state, pairs };
}

function lives(count: number, one: (random: () => number) => number): number[] {
  const random = seeded(61);
  return Array.from({ length: count }, () => one(random)).sort((a, b) => a - b);
}

const share = (values: readonly number[], most: number) =>
  values.filter((value) => value <= most).length / values.length;

describe("whether escalation pays", () => {
  it("finds a rung above that is 10 points worse within a few hundred labels, nearly always within 1,000", () => {
    for (const favoured of [true, false]) {
      const found = lives(200, (random) => until("does-not-pay", startEscalation(favoured), worseBy10, random).pairs);
      expect(found[100]).toBeLessThan(400);
      expect(share(found, 1_000)).toBeGreaterThan(0.97);
    }
  });

  it("finds one that is 10 points better as fast, and one that turns bad after long being good", () => {
    const good = lives(200, (random) => until("pays", startEscalation(false), betterBy10, random).pairs);
    expect(good[100]).toBeLessThan(400);
    expect(share(good, 1_000)).toBeGreaterThan(0.97);
    const turned = lives(100, (random) => {
      let { state } = until("pays", startEscalation(true), betterBy10, random);
      for (let i = 0; i < 3_000; i++) state = learnPair(state, draw(betterBy10, random));
      expect(state.status).toBe("pays");
      return until("does-not-pay", state, worseBy10, random).pairs;
    });
    expect(turned[50]).toBeLessThan(400);
    expect(share(turned, 1_000)).toBeGreaterThan(0.95);
  });

  it("finds that a rung recovers, which a running mean of all labels would not", () => {
    const recovered = lives(50, (random) => {
      let state = until("does-not-pay", startEscalation(true), worseBy10, random).state;
      for (let i = 0; i < 3_000; i++) state = learnPair(state, draw(worseBy10, random));
      const { pairs } = until("pays", state, betterBy10, random);
      // The mean of all labels would be below 0 until as many good pairs as bad ones were seen.
      expect(pairs).toBeLessThan(3_000);
      return pairs;
    });
    expect(share(recovered, 1_000)).toBeGreaterThan(0.95);
  });

  it("is unproven for thousands of labels where both rungs are equally good", () => {
    const found = lives(40, (random) => {
      let state = startEscalation(true);
      let pairs = 0;
      while (state.status === "unproven") {
        state = learnPair(state, draw(equal, random));
        pairs++;
      }
      return pairs;
    });
    // Two detectors run, and 40% of the pairs count.
    const average = found.reduce((sum, pairs) => sum + pairs, 0) / found.length;
    expect(average).toBeGreaterThan(falseAlarmPairs / 2 / 0.4);
  });

  it("never decides by pairs in which both rungs are right or both wrong", () => {
    let state = startEscalation(true);
    for (let i = 0; i < 20_000; i++) state = learnPair(state, { aboveRight: i % 2 === 0, edgeRight: i % 2 === 0 });
    expect(state).toMatchObject({ status: "unproven", counted: { pairs: 20_000, aboveRight: 10_000 } });
  });

  it("restarts its detectors at an alarm, and keeps the counts that led to it", () => {
    const { state, pairs } = until("does-not-pay", startEscalation(true), worseBy10, seeded(3));
    expect(state).toMatchObject({ worse: null, better: { values: [0, 0, 0] }, counted: { pairs: 0 } });
    expect(state.decidedBy?.pairs).toBe(pairs);
    expect(state.decidedBy?.edgeRight).toBeGreaterThan(state.decidedBy?.aboveRight as number);
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });

  it("finds a bad rung although heads change more often than an alarm takes, and does not return to it with a new head", () => {
    const random = seeded(17);
    const live = (withNewHead: (state: EscalationState) => EscalationState) => {
      let state = startEscalation(true);
      let escalated = 0;
      for (let i = 0; i < 6_000; i++) {
        if (i % 150 === 149) state = withNewHead(state);
        if (escalatesAll(state)) escalated++;
        state = learnPair(state, draw(worseBy10, random));
      }
      return escalated / 6_000;
    };
    expect(live(continueWithNewHead)).toBeLessThan(0.2);
    // What restarting with each head would cost.
    expect(live(() => startEscalation(true))).toBeGreaterThan(0.8);
  });

  it("is unproven with a new head, and escalates as before", () => {
    const bad = until("does-not-pay", startEscalation(true), worseBy10, seeded(4)).state;
    const good = until("pays", startEscalation(false), betterBy10, seeded(4)).state;
    expect(continueWithNewHead(bad)).toMatchObject({ status: "unproven", favoured: false });
    expect(continueWithNewHead(good)).toMatchObject({ status: "unproven", favoured: true });
  });
});

describe("the route of a question that the edge does not accept", () => {
  const pays: EscalationState = { ...startEscalation(true), status: "pays" };
  const doesNotPay: EscalationState = { ...startEscalation(false), status: "does-not-pay" };

  it("is up where escalation pays or is favoured, else an exploration share is asked", () => {
    for (const state of [pays, startEscalation(true)]) {
      for (const coin of [0, 0.04, 0.5, 0.99]) expect(routeOf(state, coin)).toBe("escalate");
    }
    for (const state of [doesNotPay, startEscalation(false)]) {
      expect([0, 0.049, 0.05, 0.99].map((coin) => routeOf(state, coin))).toEqual([
        ...["explore", "explore", "keep", "keep"],
      ]);
      expect(routeOf(state, 0.15, 0.2)).toBe("explore");
      expect(routeOf(state, 0, 0)).toBe("keep");
    }
  });

  it("decides who answers: an explored question is answered by the edge", () => {
    expect(answerFrom("escalate", true)).toBe("stacked");
    expect(answerFrom("escalate", false)).toBe("above");
    for (const route of ["explore", "keep"] as const) expect(answerFrom(route, true)).toBe("edge");
  });
});

describe("a label that may compare two rungs", () => {
  it("is the truth, or a person's that a coin planned; never the origin's", () => {
    expect(isComparable({ source: "truth", planned: false })).toBe(true);
    expect(isComparable({ source: "human", planned: true })).toBe(true);
    expect(isComparable({ source: "human", planned: false })).toBe(false);
    expect(isComparable({ source: "origin", planned: true })).toBe(false);
  });
});

describe("the comparison at publishing", () => {
  function rows(
    count: number,
    of: { region?: string; clusters?: number; thin?: number; full?: number },
    seed = 1,
  ): EscalatedRow[] {
    const { region = "weur", clusters = 50, thin = 0.6, full = 0.6 } = of;
    const random = seeded(seed);
    return Array.from({ length: count }, (_, i) => ({
      cluster: `${region}-${i % clusters}`,
      region,
      thinRight: random() < thin,
      fullRight: random() < full,
    }));
  }

  it("uses full if it is more often right, and says by how much", () => {
    const found = comparePublished(rows(2_000, { full: 0.7 }));
    expect(found.isUsed).toBe(true);
    expect(found.overall?.lower).toBeGreaterThan(0);
    expect(found.reason).toMatch(
      /^full is right on \d\d\.\d% of the 2,000 held-out questions that thin would escalate, thin on \d\d\.\d%: full is better \(\+\d+\.\d points, 90% bounds \+/,
    );
  });

  it("leaves full unused if it is not more often right, ties included", () => {
    const worse = comparePublished(rows(2_000, { full: 0.5 }));
    expect(worse.isUsed).toBe(false);
    expect(worse.reason).toContain("full is not better, and unused (−");
    const tied = comparePublished(rows(100, {}).map((row) => ({ ...row, fullRight: row.thinRight })));
    expect(tied).toMatchObject({ isUsed: false, overall: { difference: 0, lower: 0, upper: 0 } });
  });

  it("gives a region an estimate of its own from 30 questions in 8 groups on", () => {
    const found = comparePublished([
      ...rows(4_000, { region: "weur", full: 0.8 }),
      ...rows(200, { region: "oc", full: 0.2 }),
      ...rows(29, { region: "few", clusters: 29, full: 0 }),
      ...rows(300, { region: "alike", clusters: 7, full: 0 }),
      ...rows(30, { region: "enough", clusters: 8, thin: 1, full: 0 }),
    ]);
    expect(Object.keys(found.regions).sort()).toEqual(["enough", "oc", "weur"]);
    expect(["weur", "oc", "enough", "few", "alike", "unknown"].map((region) => favoursFull(found, region))).toEqual([
      ...[true, false, false, true, true, true],
    ]);
  });

  it("favours full without questions, until labels of regions say otherwise", () => {
    const found = comparePublished([]);
    expect(found).toMatchObject({ overall: null, regions: {}, isUsed: true });
    expect(favoursFull(found, "weur")).toBe(true);
  });

  it("has bounds that are wrong about once in ten times, although questions of a group are alike", () => {
    const random = seeded(29);
    const repeats = 1_000;
    let [above, below] = [0, 0];
    for (let i = 0; i < repeats; i++) {
      const clustered = Array.from({ length: 12 }, (_, cluster) => {
        const tilt = random() - 0.5;
        return Array.from({ length: 15 }, (): EscalatedRow => {
          const fullRight = random() < 0.5 + tilt;
          return { cluster: `${cluster}`, region: "weur", fullRight, thinRight: random() < 0.5 - tilt };
        });
      }).flat();
      const { lower, upper } = comparePublished(clustered).overall as { lower: number; upper: number };
      if (lower > 0) above++;
      if (upper < 0) below++;
    }
    for (const wrong of [above, below]) {
      expect(wrong / repeats).toBeGreaterThan(0.06);
      expect(wrong / repeats).toBeLessThan(0.14);
    }
  });

  it("equals the textbook bound where every question is its own group", () => {
    const all = rows(10, { clusters: 10, full: 0.5 }, 9);
    const differences = all.map(({ fullRight, thinRight }) => Number(fullRight) - Number(thinRight));
    const mean = differences.reduce((a, b) => a + b) / 10;
    const variance = differences.reduce((sum, difference) => sum + (difference - mean) ** 2, 0) / 9;
    const { overall } = comparePublished(all);
    // 1.3830: the 90% point of Student's t with 9 degrees of freedom.
    expect(overall?.upper).toBeCloseTo(mean + 1.383029 * Math.sqrt(variance / 10), 5);
    expect(overall?.lower).toBeCloseTo(mean - 1.383029 * Math.sqrt(variance / 10), 5);
  });

  it("bounds nothing by a single group", () => {
    expect(comparePublished(rows(40, { clusters: 1 })).overall).toMatchObject({ lower: -1, upper: 1 });
  });
});
