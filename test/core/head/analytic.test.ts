import { describe, expect, it } from "vitest";
import {
  leaveOut,
  type Moments,
  momentsOf,
  priorOf,
  type RidgeSettings,
  solveRidge,
  squaredError,
} from "../../../workers/core/head/analytic.ts";
import { addRow, addSums, emptySums, type SumRow, type Sums } from "../../../workers/core/head/sums.ts";
import { seeded } from "../../helpers/random.ts";

const width = 6;
const classes = 3;
const step = 0.001;

function randomRows(n: number, seed: number): SumRow[] {
  const random = seeded(seed);
  return Array.from({ length: n }, () => {
    const vector = Int16Array.from({ length: width }, () => Math.round(4000 * (random() - 0.4)));
    const label = (vector[0] as number) > 500 ? 0 : (vector[1] as number) > 0 ? 1 : 2;
    return { vector, label: random() < 0.1 ? 2 : label, weight: 4 };
  });
}

function sumOf(rows: readonly SumRow[]): Sums {
  const sums = emptySums(width, classes);
  for (const row of rows) addRow(sums, row);
  return sums;
}

const inputOf = ({ vector }: SumRow) => [...Array.from(vector, (value) => value * step), 1];

/** Ridge by Gauss-Jordan elimination over the pooled rows: the oracle. */
function direct(rows: readonly SumRow[], prior: Moments, { tau, lambda }: RidgeSettings): number[][] {
  const n = width + 1;
  const floor = 1e-6 * (prior.gram.trace() / n);
  const left = Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) => {
      const penalty = i === j && i < width ? lambda * prior.gram.get(i, i) + floor : 0;
      return (
        rows.reduce((sum, row) => sum + (inputOf(row)[i] as number) * (inputOf(row)[j] as number), 0) +
        tau * prior.gram.get(i, j) +
        penalty
      );
    }),
  );
  const right = Array.from({ length: n }, (_, i) =>
    Array.from({ length: classes }, (_, c) =>
      rows.reduce(
        (sum, row) => sum + (row.label === c ? (inputOf(row)[i] as number) : 0),
        tau * prior.moment.get(i, c),
      ),
    ),
  );
  for (let k = 0; k < n; k++) {
    const pivot = left[k] as number[];
    const scale = pivot[k] as number;
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const factor = ((left[i] as number[])[k] as number) / scale;
      for (let j = 0; j < n; j++)
        (left[i] as number[])[j] = ((left[i] as number[])[j] as number) - factor * (pivot[j] as number);
      for (let c = 0; c < classes; c++) {
        (right[i] as number[])[c] =
          ((right[i] as number[])[c] as number) - factor * ((right[k] as number[])[c] as number);
      }
    }
  }
  return right.map((row, i) => row.map((value) => value / ((left[i] as number[])[i] as number)));
}

describe("the analytic head", () => {
  it("is the direct solution over the pooled data, whatever the partition and order", () => {
    const world = momentsOf(sumOf(randomRows(500, 99)), step);
    for (let seed = 1; seed <= 8; seed++) {
      const rows = randomRows(40 + 10 * seed, seed);
      const random = seeded(seed + 50);
      const regions = Map.groupBy([...rows].reverse(), () => Math.floor(4 * random()));
      const sums = [...regions.values()].map(sumOf).reduce((all, part) => addSums(all, part));
      const none = momentsOf(emptySums(width, classes), step);
      const prior = priorOf(world, none, 0);
      const settings = { tau: [0, 30, 300][seed % 3] as number, lambda: [0, 1, 50][seed % 3] as number };
      const solved = solveRidge(momentsOf(sums, step), prior, settings).to2DArray();
      const expected = direct(rows, prior, settings);
      solved.forEach((row, i) => {
        row.forEach((value, c) => {
          expect(Math.abs(value - ((expected[i] as number[])[c] as number))).toBeLessThan(1e-6);
        });
      });
    }
  });

  it("does not penalise the bias: with features held at nothing it gives each class's share", () => {
    const rows = randomRows(200, 31);
    const moments = momentsOf(sumOf(rows), step);
    const solved = solveRidge(moments, scaled(moments), { tau: 0, lambda: 1e9 });
    for (let c = 0; c < classes; c++) {
      expect(solved.get(width, c)).toBeCloseTo(rows.filter(({ label }) => label === c).length / rows.length, 5);
    }
  });

  it("knows its squared error from the sums alone", () => {
    const rows = randomRows(80, 32);
    const moments = momentsOf(sumOf(rows), step);
    const weights = solveRidge(moments, scaled(moments), { tau: 0, lambda: 3 });
    const byRow = rows.reduce((sum, row) => {
      const input = inputOf(row);
      for (let c = 0; c < classes; c++) {
        const fitted = input.reduce((total, value, i) => total + value * weights.get(i, c), 0);
        sum += (fitted - Number(row.label === c)) ** 2;
      }
      return sum;
    }, 0);
    expect(squaredError(moments, weights)).toBeCloseTo(byRow, 8);
  });

  it("leaves a part out, and a region's own share out of the prior", () => {
    const parts = [randomRows(30, 41), randomRows(20, 42), randomRows(10, 43)];
    const [own = [], ...others] = parts;
    expect(leaveOut(parts.map(sumOf), 0)).toEqual(sumOf(others.flat()));
    const world = momentsOf(sumOf([...parts.flat(), ...randomRows(60, 44)]), step);
    const rest = momentsOf(sumOf([...others.flat(), ...randomRows(60, 44)]), step);
    const prior = priorOf(world, momentsOf(sumOf(own), step), own.length);
    expect(prior.gram.sub(scaled(rest).gram).norm()).toBeLessThan(1e-9);
    expect(prior.moment.sub(scaled(rest).moment).norm()).toBeLessThan(1e-9);
  });

  it("keeps a region in the prior that is most of the world: without it there would be none", () => {
    const own = momentsOf(sumOf(randomRows(60, 45)), step);
    const world = momentsOf(sumOf([...randomRows(60, 45), ...randomRows(10, 46)]), step);
    expect(priorOf(world, own, 60).gram.sub(scaled(world).gram).norm()).toBeLessThan(1e-12);
  });

  it("says what is missing where nothing can be solved", () => {
    const none = momentsOf(emptySums(width, classes), step);
    expect(() => solveRidge(none, { ...none, labels: 0 }, { tau: 0, lambda: 1 })).toThrow(/more labels or a prior/);
  });

  function scaled({ gram, moment, labels }: Moments): Moments {
    return { gram: gram.clone().div(labels), moment: moment.clone().div(labels), labels: 1 };
  }
});
