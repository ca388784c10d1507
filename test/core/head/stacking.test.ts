import { describe, expect, it } from "vitest";
import { argMax, softmax } from "#core/head/head.ts";
import { lossOf } from "#core/head/metrics.ts";
import {
  type LabelledScores,
  learnStacking,
  noStacking,
  type Stacking,
  stackedScores,
  stackingWeights,
} from "#core/head/stacking.ts";
import { seeded } from "#test/helpers/random.ts";

/** How much each rung knows of the label, and the scale of its logits: the best weight is signal / scale. */
interface World {
  classes: number;
  edge: { signal: number; scale: number };
  above: { signal: number; scale: number };
}

/** Questions to rungs with independent Gaussian noise. */
function questions(world: World, n: number, seed: number): (LabelledScores & { label: number })[] {
  const random = seeded(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const scores = ({ signal, scale }: World["edge"], label: number) =>
    softmax(
      Float64Array.from({ length: world.classes }, (_, c) => scale * (normal() + (c === label ? signal : 0))),
      1,
    );
  return Array.from({ length: n }, () => {
    const label = Math.floor(random() * world.classes);
    return { edge: scores(world.edge, label), above: scores(world.above, label), label };
  });
}

function learnt(labelled: readonly LabelledScores[]): Stacking {
  return labelled.reduce(learnStacking, noStacking());
}

const precision = 20;
const memory = 1 - 1 / 500;

/** Finds the maximum of the penalised, discounted likelihood by a grid that narrows around its best point. */
function oracle(labelled: readonly (LabelledScores & { label: number })[]): { edge: number; above: number } {
  const logs = ({ edge, above, label }: LabelledScores & { label: number }) => ({
    edge: Array.from(edge, (score) => Math.log(Math.max(score, 1e-5))),
    above: Array.from(above, (score) => Math.log(Math.max(score, 1e-5))),
    label,
  });
  const rows = labelled.map(logs);
  const objective = (edge: number, above: number) => {
    let total = (-precision * (edge ** 2 + (above - 1) ** 2)) / 2;
    for (const [i, row] of rows.entries()) {
      const logits = row.edge.map((log, c) => edge * log + above * (row.above[c] as number));
      const sum = logits.reduce((all, logit) => all + Math.exp(logit), 0);
      total += memory ** (rows.length - 1 - i) * ((logits[row.label] as number) - Math.log(sum));
    }
    return total;
  };
  let best = { edge: 0.5, above: 0.5 };
  for (let step = 0.25; step > 0.002; step /= 2) {
    let most = Number.NEGATIVE_INFINITY;
    const { edge, above } = best;
    for (let i = -4; i <= 4; i++) {
      for (let j = -4; j <= 4; j++) {
        const value = objective(edge + i * step, above + j * step);
        if (value > most) [most, best] = [value, { edge: edge + i * step, above: above + j * step }];
      }
    }
  }
  return best;
}

const worlds: [string, World][] = [
  ["equal rungs", { classes: 3, edge: { signal: 1.2, scale: 1.2 }, above: { signal: 1.2, scale: 1.2 } }],
  ["an overconfident rung", { classes: 3, edge: { signal: 1.2, scale: 1.2 }, above: { signal: 1, scale: 2.5 } }],
  ["an unsure rung", { classes: 2, edge: { signal: 0.8, scale: 1.1 }, above: { signal: 1.5, scale: 0.8 } }],
  ["ten classes", { classes: 10, edge: { signal: 1.5, scale: 1.5 }, above: { signal: 1.2, scale: 2 } }],
  ["a rung that knows nothing", { classes: 4, edge: { signal: 1.2, scale: 1.2 }, above: { signal: 0, scale: 1.5 } }],
];

describe("stacking", () => {
  for (const [name, world] of worlds) {
    it(`is near the best penalised weights: ${name}`, () => {
      for (const n of [20, 200, 1_500]) {
        const labelled = questions(world, n, 7 + n);
        const found = stackingWeights(learnt(labelled));
        const best = oracle(labelled);
        const most = n === 20 ? 0.08 : 0.04;
        expect(Math.abs(found.edge - best.edge)).toBeLessThan(most);
        expect(Math.abs(found.above - best.above)).toBeLessThan(most);
      }
    });

    it(`has a lower log-loss than either rung on later questions: ${name}`, () => {
      const state = learnt(questions(world, 1_000, 3));
      const later = questions(world, 4_000, 4);
      const loss = (scores: (one: LabelledScores) => ArrayLike<number>) =>
        later.reduce((sum, one) => sum + lossOf(scores(one), one.label), 0) / later.length;
      const stacked = loss(({ edge, above }) => stackedScores(state, edge, above));
      expect(stacked).toBeLessThan(loss(({ above }) => above));
      expect(stacked).toBeLessThan(loss(({ edge }) => edge) + 0.01);
    });
  }

  it("leaves the answer from above as it is without labels, and nearly so after a few", () => {
    const world = (worlds[0] as [string, World])[1];
    const rows = questions(world, 2_000, 5);
    const few = learnt(rows.slice(0, 5));
    for (const { edge, above } of rows)
      expect(stackedScores(noStacking(), edge, above)).toEqual(Float64Array.from(above));
    const changed = rows.filter(({ edge, above }) => argMax(stackedScores(few, edge, above)) !== argMax(above));
    expect(changed.length / rows.length).toBeLessThan(0.1);
    expect(stackingWeights(few).above).toBeGreaterThan(0.8);
  });

  it("follows a rung that changes within the labels it remembers", () => {
    const good = { classes: 3, edge: { signal: 0.8, scale: 0.8 }, above: { signal: 1.5, scale: 1.5 } };
    const before = learnt(questions(good, 1_000, 8));
    const bad = { ...good, above: { signal: 0, scale: 1.5 } };
    const after = questions(bad, 1_500, 9).reduce(learnStacking, before);
    expect(stackingWeights(before).above).toBeGreaterThan(0.7);
    expect(stackingWeights(after).above).toBeLessThan(0.15);
  });

  it("stays finite with scores of 0 and 1, whatever the labels", () => {
    const random = seeded(11);
    for (const classes of [1, 2, 5, 1_000]) {
      let state = noStacking();
      for (let i = 0; i < 100; i++) {
        const sure = () => new Float64Array(classes).with(Math.floor(random() * classes), 1);
        const labelled = { edge: sure(), above: sure(), label: Math.floor(random() * classes) };
        state = learnStacking(state, labelled);
        const scores = stackedScores(state, labelled.edge, labelled.above);
        expect(scores.reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 9);
      }
      expect(JSON.parse(JSON.stringify(state))).toEqual(state);
    }
  });

  it("is not moved far by one label", () => {
    const state = learnStacking(noStacking(), { edge: [1, 0], above: [0, 1], label: 0 });
    const { edge, above } = stackingWeights(state);
    expect(Math.hypot(edge, above - 1)).toBeLessThan(0.75);
    expect(Number.isFinite(edge + above)).toBe(true);
  });

  it("refuses scores of other classes, and a label that is none of them", () => {
    const state = learnStacking(noStacking(), { edge: [0.5, 0.5], above: [0.5, 0.5], label: 0 });
    expect(() => learnStacking(state, { edge: [1], above: [0.5, 0.5], label: 0 })).toThrow(RangeError);
    expect(() => learnStacking(state, { edge: [0.5, 0.5], above: [0.5, 0.5], label: 2 })).toThrow(RangeError);
    expect(() => stackedScores(state, [1], [0.5, 0.5])).toThrow(RangeError);
  });
});
