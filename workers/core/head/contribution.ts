import { Matrix } from "ml-matrix";
import { sha256Hex } from "../hash.ts";
import { factorInPlace } from "./cholesky.ts";
import { labelShares } from "./label.ts";
import { emptySums, labelsIn, labelWeightUnit, type Sums } from "./sums.ts";

/** The rules that contributed sums have to meet. */
export interface SumsRules {
  /** Shares of a full label: 1 of classes, `labelShares` of soft labels. */
  shares: number;
  /** Full labels of a class that has any, and of all classes together. */
  minLabels: number;
  maxLabels: number;
}

/** Why contributed sums are refused. */
export interface SumsFault {
  expected: string;
  received: string;
}

/** The largest square of an int16 value, by which a label adds to the sums at most. */
const maxSquare = 2 ** 30;
/** Added to a matrix of correlations, so that rounding makes no sound one indefinite. */
const jitter = 1e-9;

/** Returns the full labels of each class; of soft labels, their shares as fractions of a label. */
export function classCounts({ classes, values }: Sums, shares: number): number[] {
  const counts = values.subarray(values.length - classes);
  return Array.from(counts, (count) => count / labelWeightUnit / shares);
}

/**
 * Checks that sums may be of labelled embeddings, and of neither too few nor too many. Returns the first fault; null where there
 * is none. Whether the labels are right can't be seen.
 */
export function sumsFault(sums: Sums, { shares, minLabels, maxLabels }: SumsRules): SumsFault | null {
  const labels = labelsIn(sums);
  if (!sums.values.every((value) => Number.isSafeInteger(value))) {
    return { expected: "whole numbers below 2^53", received: "other numbers" };
  }
  if (!(labels >= minLabels)) return { expected: `at least ${minLabels} labels`, received: `${labels}` };
  if (labels > maxLabels) return { expected: `at most ${maxLabels} labels`, received: `${labels}` };
  const counts = classCounts(sums, shares);
  if (counts.some((count) => count < 0)) return { expected: "no class with fewer than 0 labels", received: "one" };
  const few = shares === 1 ? counts.find((count) => count > 0 && count < minLabels) : undefined;
  if (few !== undefined) {
    return { expected: `no label, or at least ${minLabels}, of each class`, received: `a class with ${few}` };
  }
  return isOfRows(sums, shares)
    ? null
    : { expected: "sums over embeddings and their labels", received: "sums that no embeddings have" };
}

/** Tells whether sums may be Σω·x̃x̃ᵀ and Σω·x̃yᵀ of some rows: by Cauchy and Schwarz, and by the rows of y that add up. */
function isOfRows({ width, classes, values }: Sums, shares: number): boolean {
  const n = width + 1;
  const moments = (n * (n + 1)) / 2;
  const at = (i: number, j: number) => values[i * n - (i * (i - 1)) / 2 + j - i] as number;
  const moment = (i: number, c: number) => values[moments + i * classes + c] as number;
  const weight = at(width, width);
  const scales = Array.from({ length: n }, (_, i) => Math.sqrt(at(i, i)));
  const correlations = Matrix.zeros(n, n);
  for (let i = 0; i < n; i++) {
    if (!(at(i, i) >= 0 && at(i, i) <= weight * maxSquare)) return false;
    let all = 0;
    for (let c = 0; c < classes; c++) {
      const value = moment(i, c);
      all += value;
      const limit = (scales[i] as number) * Math.sqrt(shares * moment(width, c));
      if (Math.abs(value) > limit * (1 + jitter)) return false;
    }
    if (all !== shares * at(i, width)) return false;
    for (let j = i; j < n; j++) {
      const scale = (scales[i] as number) * (scales[j] as number);
      if (scale === 0 && at(i, j) !== 0) return false;
      const value = i === j ? 1 + jitter : scale === 0 ? 0 : at(i, j) / scale;
      correlations.set(i, j, value);
      correlations.set(j, i, value);
    }
  }
  return factorInPlace(correlations) !== null;
}

/** Returns the same sums with other classes in another order: class `c` becomes class `places[c]` of `classes`. */
export function placeClasses({ width, classes: own, values }: Sums, places: readonly number[], classes: number): Sums {
  const placed = emptySums(width, classes);
  const n = width + 1;
  const moments = (n * (n + 1)) / 2;
  placed.values.set(values.subarray(0, moments));
  for (let i = 0; i < n; i++) {
    for (const [c, place] of places.entries()) {
      placed.values[moments + i * classes + place] = values[moments + i * own + c] as number;
    }
  }
  return placed;
}

/** A class in sums: its full labels, and a hash of the sum of their embeddings. */
export type ClassTotal = [name: string, labels: number, sha256: string];

/** Lists the classes that have labels; numbers, whose labels are spread over all classes, are one class. */
export async function classTotals(sums: Sums, names: readonly string[], isNumber: boolean): Promise<ClassTotal[]> {
  const { width, classes, values } = sums;
  if (isNumber) return [["", labelsIn(sums), await sha256Hex(values)]];
  const n = width + 1;
  const moments = (n * (n + 1)) / 2;
  const totals = classCounts(sums, 1).map(async (labels, c): Promise<ClassTotal> => {
    const column = Float64Array.from({ length: n }, (_, i) => values[moments + i * classes + c] as number);
    return [names[c] as string, labels, await sha256Hex(column)];
  });
  return (await Promise.all(totals)).filter(([, labels]) => labels > 0);
}

/** How sums differ from those that were sent before. `few`: by so few labels of a class that the difference may show an embedding. */
export type ChangeOfSums = "none" | "few" | "enough";

/** Compares the classes of sums with those that were sent before: each has to change by no label, or by at least `minLabels`. */
export function changeOf(before: readonly ClassTotal[], now: readonly ClassTotal[], minLabels: number): ChangeOfSums {
  const byName = (totals: readonly ClassTotal[]) => new Map(totals.map(([name, ...total]) => [name, total]));
  const [was, is] = [byName(before), byName(now)];
  const changes = [...new Set([...was.keys(), ...is.keys()])].flatMap((name) => {
    const [labelsBefore, hashBefore] = was.get(name) ?? [0, null];
    const [labels, hash] = is.get(name) ?? [0, null];
    return hash === hashBefore ? [] : [Math.abs(labels - labelsBefore)];
  });
  if (changes.length === 0) return "none";
  return changes.every((labels) => labels >= minLabels) ? "enough" : "few";
}

/** Returns the shares of a full label in a model's sums. */
export function sharesOf(isNumber: boolean): number {
  return isNumber ? labelShares : 1;
}
