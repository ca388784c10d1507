import { Matrix, solve } from "ml-matrix";
import { describe, expect, it } from "vitest";
import { fitPersonal } from "#core/head/personal.ts";
import { addRow, emptySums } from "#core/head/sums.ts";
import { seeded } from "#test/helpers/random.ts";

const [width, classes, below] = [6, 4, 3];
const lambda = 0.02;
const random = seeded(4);
const vectorOf = () => Int16Array.from({ length: width }, () => Math.round(4_000 * (random() - 0.5)));
const scoresOf = () => {
  const raw = Array.from({ length: below }, random);
  const total = raw.reduce((sum, value) => sum + value, 0);
  return raw.map((value) => value / total);
};
const taught = Array.from({ length: 9 }, (_, i) => ({ vector: vectorOf(), label: i % classes, base: scoresOf() }));
const background = Array.from({ length: 12 }, vectorOf);

describe("a device's own head", () => {
  it("is the ridge solution of the normal equations, from exact integer sums", () => {
    const rows = [...taught.map(({ vector }) => vector), ...background];
    const share = Math.min(1, taught.length / background.length);
    const sums = emptySums(width, classes);
    for (const { vector, label } of taught) addRow(sums, { vector, label, weight: 1 });
    const n = width + 1;
    const gram = Matrix.zeros(n, n);
    let at = 0;
    for (let i = 0; i < n; i++) {
      for (let j = i; j < n; j++) {
        gram.set(i, j, sums.values[at++] as number);
        gram.set(j, i, gram.get(i, j));
      }
    }
    const moment = Matrix.zeros(n, classes);
    for (let i = 0; i < n; i++) for (let c = 0; c < classes; c++) moment.set(i, c, sums.values[at++] as number);
    const one = (vector: Int16Array, i: number) => (i < width ? (vector[i] as number) : 1);
    for (const vector of background) {
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) gram.set(i, j, gram.get(i, j) + share * one(vector, i) * one(vector, j));
      }
    }
    for (const { vector, base } of taught) {
      for (const [c, score] of base.entries()) {
        for (let i = 0; i < n; i++) moment.set(i, c, moment.get(i, c) - one(vector, i) * score);
      }
    }
    for (let i = 0; i < n; i++) {
      const square = rows.reduce((sum, vector) => sum + one(vector, i) ** 2, 0) / rows.length;
      gram.set(i, i, gram.get(i, i) + lambda * n * square);
    }
    const weights = solve(gram, moment);
    const [asked, base] = [vectorOf(), scoresOf()];
    const scores = Array.from({ length: classes }, (_, c) => {
      let score = base[c] ?? 0;
      for (let i = 0; i < n; i++) score += one(asked, i) * weights.get(i, c);
      return Math.max(0, score);
    });
    const total = scores.reduce((sum, score) => sum + score, 0);
    const found = fitPersonal(taught, background, classes).correct(base, asked);
    for (const [c, score] of scores.entries()) expect(found[c]).toBeCloseTo(score / total, 9);
  });

  it("says what it was taught, and leaves what is unlike that as it is", () => {
    const [one, other] = [Int16Array.of(900, 0, 0, 0, 0, 0), Int16Array.of(0, 800, 0, 0, 0, 0)];
    const base = [0.7, 0.2, 0.1];
    const known = Array.from({ length: 8 }, (_, i) => Int16Array.of(0, 700 + 20 * i, 0, 0, 0, 0));
    const head = fitPersonal([{ vector: one, label: 3, base }], known, classes);
    expect(head.correct(base, one)[3]).toBeGreaterThan(0.85);
    expect(head.correct(base, other)[0]).toBeGreaterThan(0.65);
  });
});
