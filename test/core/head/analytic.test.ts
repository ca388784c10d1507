import type { Matrix } from "ml-matrix";
import { describe, expect, it } from "vitest";
import {
  type GramMatrices,
  gramMatricesOf,
  leaveOut,
  priorOf,
  type RidgeSettings,
  ridgeGrid,
  solveRidge,
  squaredError,
  toFloat32,
} from "#core/head/analytic.ts";
import { addRow, addSums, emptySums, type SumRow, type Sums } from "#core/head/sums.ts";
import { seeded } from "#test/helpers/random.ts";

const width = 6;
const classes = 3;
const step = 0.001;

function randomRows(n: number, seed: number, wide = width): SumRow[] {
  const random = seeded(seed);
  return Array.from({ length: n }, () => {
    const vector = Int16Array.from({ length: wide }, () => Math.round(4000 * (random() - 0.4)));
    const label = (vector[0] as number) > 500 ? 0 : (vector[1] as number) > 0 ? 1 : 2;
    return { vector, label: random() < 0.1 ? 2 : label, weight: random() < 0.2 ? 1 : 4 };
  });
}

function sumOf(rows: readonly SumRow[], wide = width): Sums {
  const sums = emptySums(wide, classes);
  for (const row of rows) addRow(sums, row);
  return sums;
}

const momentsOver = (rows: readonly SumRow[], unit = step) =>
  gramMatricesOf(sumOf(rows, rows[0]?.vector.length ?? width), unit);
const none = momentsOver([]);
const labelsOf = (rows: readonly SumRow[]) => rows.reduce((sum, { weight }) => sum + weight / 4, 0);
const inputOf = ({ vector }: SumRow) => [...Array.from(vector, (value) => value * step), 1];

/** The mean over rows of the product of two of their figures, in float64: the oracle's only way to the data. */
function mean(rows: readonly SumRow[], a: (row: SumRow) => number, b: (row: SumRow) => number): number {
  return rows.reduce((sum, row) => sum + (row.weight / 4) * a(row) * b(row), 0) / labelsOf(rows);
}

/** Ridge from the rows themselves, by Gauss-Jordan elimination. The prior is the mean of rows of the world. */
function direct(rows: readonly SumRow[], world: readonly SumRow[], { tau, lambda }: RidgeSettings): number[][] {
  const input = (i: number) => (row: SumRow) => inputOf(row)[i] as number;
  const isOf = (c: number) => (row: SumRow) => Number(row.label === c);
  const n = width + 1;
  const lines = Array.from({ length: n }, (_, i) => {
    const both = (other: (row: SumRow) => number) =>
      labelsOf(rows) * mean(rows, input(i), other) + tau * mean(world, input(i), other);
    const left = Array.from({ length: n }, (_, j) => both(input(j)));
    if (i < width) left[i] = (left[i] as number) + lambda * mean(world, input(i), input(i));
    return [...left, ...Array.from({ length: classes }, (_, c) => both(isOf(c)))];
  });
  for (const [k, pivot] of lines.entries()) {
    for (const [i, line] of lines.entries()) {
      if (i === k) continue;
      const factor = (line[k] as number) / (pivot[k] as number);
      lines[i] = line.map((value, j) => value - factor * (pivot[j] as number));
    }
  }
  return lines.map((line, i) => line.slice(n).map((value) => value / (line[i] as number)));
}

function expectClose(solved: Matrix, expected: number[][], within = 1e-6): void {
  const differences = solved
    .to2DArray()
    .flatMap((line, i) => line.map((value, c) => Math.abs(value - ((expected[i] as number[])[c] as number))));
  expect(Math.max(...differences)).toBeLessThan(within);
}

function expectSame(a: GramMatrices, b: GramMatrices): void {
  expectClose(a.gram, b.gram.to2DArray(), 1e-9);
  expectClose(a.moment, b.moment.to2DArray(), 1e-9);
}

/** GramMatrices as a prior: scaled to one sample. */
function toOne({ gram, moment, labels }: GramMatrices): GramMatrices {
  return { gram: gram.clone().div(labels), moment: moment.clone().div(labels), labels: 1 };
}

describe("the analytic head", () => {
  it("equals the direct solution on the pooled data for any partition into regions and any order", () => {
    const world = randomRows(500, 99);
    const prior = priorOf(momentsOver(world), none, 0);
    for (const settings of [{ tau: 0, lambda: 0 }, { tau: 0, lambda: 50 }, { tau: 30, lambda: 1 }, ...ridgeGrid]) {
      const seed = settings.tau + settings.lambda;
      const rows = randomRows(40 + (seed % 100), seed);
      const random = seeded(seed + 50);
      const regions = Map.groupBy([...rows].reverse(), () => Math.floor(4 * random()));
      const sums = [...regions.values()].map((own) => sumOf(own)).reduce((all, part) => addSums(all, part));
      const pooled = solveRidge(momentsOver(rows), prior, settings);
      const solved = solveRidge(gramMatricesOf(sums, step), prior, settings);
      expectClose(solved, direct(rows, world, settings));
      expect(solved.to2DArray()).toEqual(pooled.to2DArray());
    }
  });

  it("without prior and penalty is least squares: the residual is orthogonal to every input", () => {
    const rows = randomRows(300, 30);
    const own = momentsOver(rows);
    const solved = solveRidge(own, toOne(own), { tau: 0, lambda: 0 });
    for (let i = 0; i <= width; i++) {
      for (let c = 0; c < classes; c++) {
        const residual = (row: SumRow) =>
          inputOf(row).reduce((sum, value, j) => sum + value * solved.get(j, c), -Number(row.label === c));
        expect(Math.abs(mean(rows, (row) => inputOf(row)[i] as number, residual))).toBeLessThan(1e-6);
      }
    }
  });

  it("does not penalise the bias: with zero features it returns the class shares", () => {
    const rows = randomRows(200, 31);
    const own = momentsOver(rows);
    const solved = solveRidge(own, toOne(own), { tau: 0, lambda: 1e9 });
    for (let c = 0; c < classes; c++) {
      const share = labelsOf(rows.filter(({ label }) => label === c)) / labelsOf(rows);
      expect(solved.get(width, c)).toBeCloseTo(share, 5);
    }
  });

  it("changes only the bias when all targets shift equally", () => {
    const moved = (by: readonly number[], { gram, moment, labels }: GramMatrices): GramMatrices => {
      const shifted = moment.clone();
      for (let i = 0; i <= width; i++)
        for (const [c, value] of by.entries()) shifted.set(i, c, moment.get(i, c) + gram.get(i, width) * value);
      return { gram, moment: shifted, labels };
    };
    const [own, prior] = [momentsOver(randomRows(60, 33)), toOne(momentsOver(randomRows(200, 34)))];
    const settings = { tau: 30, lambda: 10 };
    const by = [0.5, -0.2, 3];
    const expected = solveRidge(own, prior, settings).to2DArray();
    expected[width] = (expected[width] as number[]).map((bias, c) => bias + (by[c] as number));
    expectClose(solveRidge(moved(by, own), moved(by, prior), settings), expected, 1e-9);
  });

  it("does not depend on the scale of the embedding", () => {
    const [rows, world] = [randomRows(50, 35), randomRows(300, 36)];
    const settings = { tau: 30, lambda: 1 };
    const solve = (unit: number) => solveRidge(momentsOver(rows, unit), toOne(momentsOver(world, unit)), settings);
    const expected = solve(step).to2DArray();
    for (const factor of [1e-6, 1e-3, 1e3, 1e6]) {
      const solved = solve(step * factor);
      for (let i = 0; i < width; i++) solved.mulRow(i, factor);
      expectClose(solved, expected, 1e-8);
    }
  });

  it("gives an always-zero feature no weight and leaves the other weights unchanged", () => {
    const rows = randomRows(60, 37);
    const dead = rows.map((row) => ({ ...row, vector: Int16Array.of(...row.vector, 0) }));
    const settings = { tau: 30, lambda: 1 };
    const expected = solveRidge(momentsOver(rows), toOne(momentsOver(rows)), settings).to2DArray();
    expected.splice(width, 0, new Array(classes).fill(0));
    expectClose(solveRidge(momentsOver(dead), toOne(momentsOver(dead)), settings), expected);
    const nothing = rows.map((row) => ({ ...row, vector: new Int16Array(width) }));
    const share = labelsOf(rows.filter(({ label }) => label === 0)) / labelsOf(rows);
    expect(solveRidge(momentsOver(nothing), toOne(momentsOver(nothing)), settings).get(width, 0)).toBeCloseTo(share, 9);
  });

  it("solves a wide embedding with fewer labels than features", () => {
    const wide = 200;
    const [own, prior] = [momentsOver(randomRows(30, 38, wide)), toOne(momentsOver(randomRows(400, 39, wide)))];
    const { tau, lambda } = { tau: 100, lambda: 1 };
    const solved = solveRidge(own, prior, { tau, lambda });
    // (G + τĜ + λD)·W is the right side again.
    const fitted = own.gram.clone().add(prior.gram.clone().mul(tau)).mmul(solved);
    for (let i = 0; i <= wide; i++) {
      for (let c = 0; c < classes; c++) {
        const penalty = i < wide ? lambda * prior.gram.get(i, i) * solved.get(i, c) : 0;
        expect(fitted.get(i, c) + penalty).toBeCloseTo(own.moment.get(i, c) + tau * prior.moment.get(i, c), 4);
      }
    }
  });

  it("computes the squared error from the sums alone, for any weights and for unseen rows", () => {
    const rows = randomRows(80, 32);
    const weights = solveRidge(momentsOver(randomRows(40, 40)), toOne(momentsOver(rows)), { tau: 0, lambda: 3 });
    const byRow = rows.reduce((sum, row) => {
      for (let c = 0; c < classes; c++) {
        const fitted = inputOf(row).reduce((total, value, i) => total + value * weights.get(i, c), 0);
        sum += (row.weight / 4) * (fitted - Number(row.label === c)) ** 2;
      }
      return sum;
    }, 0);
    expect(squaredError(momentsOver(rows), weights)).toBeCloseTo(byRow, 8);
  });

  it("leaves out any part, bit for bit", () => {
    const parts = [randomRows(30, 41), randomRows(20, 42), randomRows(10, 43)];
    for (const left of parts.keys()) {
      expect(
        leaveOut(
          parts.map((rows) => sumOf(rows)),
          left,
        ),
      ).toEqual(sumOf(parts.filter((_, i) => i !== left).flat()));
    }
  });

  it("names what is missing where there is no solution, and solves it with a prior", () => {
    const world = toOne(momentsOver(randomRows(100, 44)));
    expect(() => solveRidge(none, none, { tau: 0, lambda: 1 })).toThrow(/more labels or a prior/);
    expect(() => solveRidge(none, world, { tau: 0, lambda: 1 })).toThrow(/more labels or a prior/);
    const ofWorld = solveRidge(none, world, { tau: 30, lambda: 1 });
    expect(ofWorld.to1DArray().every(Number.isFinite)).toBe(true);
  });

  it("is converted to float32 row by row, the bias last", () => {
    const solved = solveRidge(momentsOver(randomRows(50, 45)), toOne(momentsOver(randomRows(50, 46))), {
      tau: 1,
      lambda: 1,
    });
    expect(toFloat32(solved)).toEqual(Float32Array.from(solved.to2DArray().flat()));
    expect(toFloat32(solved)[width * classes + 1]).toBe(Math.fround(solved.get(width, 1)));
  });
});

describe("a region's prior", () => {
  const others = randomRows(140, 51);

  it("excludes the region's own rows from the world's", () => {
    const own = randomRows(60, 52);
    const prior = priorOf(momentsOver([...others, ...own]), momentsOver(own), labelsOf(own));
    expect(prior.labels).toBe(1);
    expectSame(prior, toOne(momentsOver(others)));
  });

  it("subtracts as many similar samples where the region has changed since", () => {
    const own = randomRows(30, 53);
    const since = [...own, ...own, ...own];
    expectSame(
      priorOf(momentsOver([...others, ...own]), momentsOver(since), labelsOf(own)),
      toOne(momentsOver(others)),
    );
  });

  it("subtracts at most the samples that the region holds; the others count once", () => {
    const own = randomRows(60, 54);
    const kept = own.slice(0, 20);
    expectSame(
      priorOf(momentsOver([...others, ...own]), momentsOver(kept), labelsOf(own)),
      toOne(momentsOver([...others, ...own.slice(20)])),
    );
  });

  it("includes a region that holds most of the data, and one without labels", () => {
    const own = randomRows(60, 55);
    const world = momentsOver([...own, ...randomRows(10, 56)]);
    expectSame(priorOf(world, momentsOver(own), labelsOf(own)), toOne(world));
    expectSame(priorOf(world, none, 20), toOne(world));
  });

  it("keeps a region whose samples no longer match its share: a variance cannot be negative", () => {
    const world = randomRows(200, 57).map(({ vector, ...row }) => ({ ...row, vector: vector.with(3, 1) }));
    const drifted = randomRows(40, 58);
    expectSame(priorOf(momentsOver(world), momentsOver(drifted), 40), toOne(momentsOver(world)));
  });

  it("solves every pair of the grid for a large share of the world and few own labels", () => {
    const wide = 48;
    const world = momentsOver(randomRows(1_000, 59, wide));
    for (let seed = 60; seed < 64; seed++) {
      const own = momentsOver(randomRows(30, seed, wide));
      const prior = priorOf(world, own, 0.45 * world.labels);
      for (const settings of ridgeGrid) expect(() => solveRidge(own, prior, settings)).not.toThrow();
    }
  });
});
