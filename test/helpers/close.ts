import { expect } from "vitest";

/** Expects lists of numbers to agree within 1e-4 · max(1, |expected|). */
export function expectClose(found: readonly (readonly number[])[], expected: readonly (readonly number[])[]): void {
  expect(found.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
  for (const [i, list] of expected.entries()) {
    const off = list.map((value, j) => Math.abs((found[i]?.[j] ?? Number.NaN) - value) / Math.max(1, Math.abs(value)));
    expect(
      off.every((difference) => difference <= 1e-4),
      `list ${i} differs by ${Math.max(...off)}`,
    ).toBe(true);
  }
}
