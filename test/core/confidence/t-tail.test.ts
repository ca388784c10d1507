import { describe, expect, it } from "vitest";
import { tTail } from "#core/confidence/t-tail.ts";

describe("Student's t distribution", () => {
  // Critical values, NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
  const published: [upper: number, degrees: number, t: number][] = [
    [0.05, 1, 6.314],
    [0.025, 1, 12.706],
    [0.05, 7, 1.895],
    [0.025, 7, 2.365],
    [0.025, 15, 2.131],
    [0.05, 39, 1.685],
    [0.025, 39, 2.023],
    [0.01, 10, 2.764],
    [0.001, 100, 3.174],
  ];

  it("has the critical values of the tables, on both sides", () => {
    for (const [upper, degrees, t] of published) {
      expect(Math.abs(tTail(-t, degrees) - upper)).toBeLessThan(upper * 0.002);
      expect(tTail(t, degrees)).toBeCloseTo(1 - upper, 4);
    }
  });

  it("is closed at one and two degrees of freedom", () => {
    for (const t of [-40, -3.1, -1, -0.2, 0, 0.7, 5]) {
      expect(tTail(t, 1)).toBeCloseTo(0.5 + Math.atan(t) / Math.PI, 12);
      expect(tTail(t, 2)).toBeCloseTo(0.5 + t / (2 * Math.sqrt(2 + t * t)), 12);
    }
  });

  it("is 0 and 1 at infinity", () => {
    expect(tTail(Number.NEGATIVE_INFINITY, 9)).toBe(0);
    expect(tTail(Number.POSITIVE_INFINITY, 9)).toBe(1);
  });
});
