import { describe, expect, it } from "vitest";
import { softmax } from "#core/head/head.ts";
import { lossOf } from "#core/head/metrics.ts";
import { fitMix, type MixRows, mixHeads } from "#core/head/mix.ts";
import { logitsOfRow } from "#core/head/softmax-fit.ts";
import { seeded } from "#test/helpers/random.ts";

interface World {
  groups: number;
  each: number;
  /** Labels are drawn from truth·regional + (1 − truth)·global. */
  truth: number;
  classes?: number;
  seed?: number;
  scale?: number;
}

/** Held-out rows of a region whose labels follow a mixture of the two heads. */
function rowsOf({
  groups,
  each,
  truth,
  classes = 3,
  seed = 5,
  scale = 1,
}: World): Omit<MixRows, "labels"> & { labels: number[] } {
  const random = seeded(seed);
  const logits = () => Float64Array.from({ length: classes }, () => scale * (4 * random() - 2));
  const rows = Array.from({ length: groups * each }, (_, i) => {
    const [global, regional] = [logits(), logits()];
    let draw = random();
    const label = between(global, regional, truth).findIndex((share) => {
      draw -= share;
      return draw < 0;
    });
    return { global, regional, label: Math.max(0, label), groupKey: `g${Math.floor(i / each)}` };
  });
  return {
    labels: rows.map(({ label }) => label),
    groupKeys: rows.map(({ groupKey }) => groupKey),
    global: rows.map(({ global }) => global),
    regional: rows.map(({ regional }) => regional),
  };
}

function between(global: Float64Array, regional: Float64Array, w: number): Float64Array {
  return softmax(
    global.map((logit, c) => (1 - w) * logit + w * (regional[c] as number)),
    1,
  );
}

/** What `fitMix` minimises, computed row by row. */
function objective({ labels, global, regional }: ReturnType<typeof rowsOf>, w: number, designEffect: number): number {
  const loss = labels.reduce(
    (sum, label, i) => sum + lossOf(between(global[i] as Float64Array, regional[i] as Float64Array, w), label),
    0,
  );
  return loss / designEffect + w ** 2 / (2 * 0.3 ** 2);
}

describe("the weight of a regional head", () => {
  it("equals a grid search over the penalised log-loss", () => {
    for (const [seed, truth] of [0, 0.3, 0.6, 1, 0.5].entries()) {
      const rows = rowsOf({ groups: 30, each: 4, truth, classes: 2 + (seed % 3), seed });
      const { weight, designEffect, logLoss } = fitMix(rows);
      const grid = Array.from({ length: 1001 }, (_, i) => i / 1000);
      const losses = grid.map((w) => objective(rows, w, designEffect));
      expect(weight).toBeCloseTo(grid[losses.indexOf(Math.min(...losses))] as number, 2);
      const penalty = weight ** 2 / (2 * 0.3 ** 2);
      const sum = (objective(rows, weight, designEffect) - penalty) * designEffect;
      expect(logLoss).toBeCloseTo(sum / rows.labels.length, 9);
    }
  });

  it("stays near 0 with few labels, and comes near 1 where many groups say that the regional head is right", () => {
    const seeds = Array.from({ length: 20 }, (_, seed) => seed);
    const weights = (groups: number) =>
      seeds.map((seed) => fitMix(rowsOf({ groups, each: 1, truth: 1, seed, scale: 0.5 })).weight);
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(weights(6))).toBeLessThan(0.25);
    expect(Math.max(...weights(6))).toBeLessThan(0.5);
    expect(Math.min(...weights(4_000))).toBeGreaterThan(0.9);
  });

  it("is 0 where the regional head only makes answers worse", () => {
    // With a truth below 0, the labels contradict the regional head.
    expect(fitMix(rowsOf({ groups: 400, each: 2, truth: -1 })).weight).toBe(0);
  });

  it("counts groups, not rows: repeating every row of a group changes nothing", () => {
    const rows = rowsOf({ groups: 20, each: 1, truth: 1 });
    const times = 10;
    const repeat = <T>(values: readonly T[]) => values.flatMap((value) => Array.from({ length: times }, () => value));
    const repeated: MixRows = {
      labels: repeat(rows.labels),
      groupKeys: repeat(rows.groupKeys),
      global: repeat(rows.global),
      regional: repeat(rows.regional),
    };
    const [once, often] = [fitMix(rows), fitMix(repeated)];
    expect(often.groups).toBe(20);
    expect(often.designEffect).toBeCloseTo(times * once.designEffect, 6);
    expect(often.weight).toBeCloseTo(once.weight, 4);
    expect(often.logLoss).toBeCloseTo(once.logLoss, 4);
    // As independent rows they would say ten times as much.
    const independent = { ...repeated, groupKeys: repeated.groupKeys.map((_, i) => `${i}`) };
    expect(fitMix(independent).weight).toBeGreaterThan(once.weight + 0.1);
  });

  it("is 0 without two groups, and where both heads are the same", () => {
    expect(fitMix({ labels: [], groupKeys: [], global: [], regional: [] }).weight).toBe(0);
    expect(fitMix(rowsOf({ groups: 1, each: 500, truth: 1 })).weight).toBe(0);
    const rows = rowsOf({ groups: 50, each: 2, truth: 1 });
    expect(fitMix({ ...rows, regional: rows.global }).weight).toBe(0);
  });

  it("survives logits that leave no doubt", () => {
    const rows = rowsOf({ groups: 50, each: 2, truth: 1, scale: 1e4 });
    const { weight } = fitMix(rows);
    expect(weight).toBeGreaterThanOrEqual(0);
    expect(weight).toBeLessThanOrEqual(1);
  });
});

it("mixes two heads into one whose logits are the mixture of theirs", () => {
  const random = seeded(3);
  const head = () => Float32Array.from({ length: 12 }, () => random() - 0.5);
  const [regional, global] = [head(), head()];
  const input = Float32Array.of(0.3, -2, 1.5, 1);
  const logits = (weights: Float32Array) => logitsOfRow(input, 0, weights, 3);
  const mixed = logits(mixHeads(regional, global, 0.3));
  for (let c = 0; c < 3; c++) {
    expect(mixed[c]).toBeCloseTo(0.3 * (logits(regional)[c] as number) + 0.7 * (logits(global)[c] as number), 6);
  }
  expect(mixHeads(regional, global, 0)).toEqual(global);
  expect(mixHeads(regional, global, 1)).toEqual(regional);
});
