import { describe, expect, it } from "vitest";
import { fQuantile, fTail, incompleteBeta } from "#core/confidence/f-tail.ts";

describe("the F distribution", () => {
  // Upper percentage points, NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.3.
  const published: [level: number, d1: number, d2: number, f: number][] = [
    [0.05, 1, 1, 161.448],
    [0.05, 1, 10, 4.965],
    [0.05, 5, 10, 3.326],
    [0.05, 8, 20, 2.447],
    [0.05, 10, 100, 1.927],
    [0.1, 2, 5, 3.78],
    [0.1, 8, 30, 1.884],
    [0.01, 2, 5, 13.274],
    [0.01, 8, 20, 3.564],
    [0.01, 1, 100, 6.895],
  ];

  it("has the quantiles of the tables", () => {
    for (const [level, d1, d2, f] of published) {
      expect(Math.abs(fQuantile(level, d1, d2) - f)).toBeLessThan(0.0015);
      expect(fTail(f, d1, d2)).toBeCloseTo(level, 4);
    }
  });

  it("is closed at two degrees of freedom, (1 + 2f/d)^(−d/2), and turns round as F(d1, d2) does", () => {
    for (const d2 of [0.7, 3, 11.5, 240]) {
      for (const f of [0.01, 0.6, 1, 3.2, 40]) {
        expect(fTail(f, 2, d2) / (1 + (2 * f) / d2) ** (-d2 / 2)).toBeCloseTo(1, 9);
        expect(fTail(f, 3.5, d2)).toBeCloseTo(1 - fTail(1 / f, d2, 3.5), 10);
      }
    }
    expect(fTail(0, 3, 4)).toBe(1);
    expect(fTail(Number.POSITIVE_INFINITY, 3, 4)).toBe(0);
  });

  it("uses an incomplete beta function that equals binomial sums at integers", () => {
    // I_x(a, b) = P(X ≥ a) for X ~ Binomial(a + b − 1, x), DLMF 8.17.5.
    for (const x of [0.05, 0.3, 0.5, 0.9]) {
      expect(incompleteBeta(x, 1, 1)).toBeCloseTo(x, 12);
      expect(incompleteBeta(x, 2, 3)).toBeCloseTo(1 - (1 - x) ** 4 - 4 * x * (1 - x) ** 3, 12);
      expect(incompleteBeta(x, 5, 1)).toBeCloseTo(x ** 5, 12);
    }
    expect(incompleteBeta(0.5, 400, 400)).toBeCloseTo(0.5, 10);
    expect([incompleteBeta(0, 2, 3), incompleteBeta(1, 2, 3)]).toEqual([0, 1]);
  });
});
