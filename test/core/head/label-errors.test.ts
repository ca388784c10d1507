import { beforeAll, expect, it } from "vitest";
import { findLabelErrors, type LabelError, type LookedRow } from "#core/head/label-errors.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { seeded } from "#test/helpers/random.ts";

const shape = { classes: 3, step: 0.01, folds: 3 };

beforeAll(startBackend);

/** Rows whose label is the largest of their three values, but for the first `wrong`, which have the next label. */
function rowsOf(n: number, wrong: number): LookedRow[] {
  const random = seeded(3);
  return Array.from({ length: n }, (_, i) => {
    const values = Array.from({ length: 3 }, () => 200 * random());
    const right = values.indexOf(Math.max(...values));
    const label = i < wrong ? (right + 1) % 3 : right;
    return { vector: Int16Array.from(values), label, fold: Math.floor(3 * random()), weight: 1 };
  });
}

function found(rows: readonly LookedRow[]): LabelError[] {
  const finding = findLabelErrors(rows, shape);
  for (;;) {
    const { done, value } = finding.next();
    if (done) return value;
  }
}

it("finds wrong labels first, with the right ones as suggestions", () => {
  const rows = rowsOf(600, 30);
  const errors = found(rows);
  const first = errors.slice(0, 30);
  // By chance it would be one or two.
  expect(first.filter(({ row }) => row < 30).length).toBeGreaterThan(22);
  const [top] = first as [LabelError];
  expect(top.suggestion).toBe(((rows[top.row] as LookedRow).label + 2) % 3);
  expect(errors.every(({ margin }) => margin > 0 && margin < 1)).toBe(true);
});

it("learns nothing from the fold that it judges, or from rows without weight", () => {
  const rows = rowsOf(300, 0).map((row) => ({ ...row, fold: 0 }));
  expect(found(rows)).toEqual([]);
  // All labels of the other folds are the same wrong one; they have no weight.
  const lies = rowsOf(300, 0).map((row) => ({ ...row, label: 2, fold: 1, weight: 0 }));
  expect(found([...rows, ...lies]).filter(({ row }) => row < 300)).toEqual([]);
  expect(found([])).toEqual([]);
});
