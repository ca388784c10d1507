import { describe, expect, it } from "vitest";
import { binomialTail } from "#core/confidence/binomial.ts";

describe("binomialTail", () => {
  it("equals the sum of its terms, and published values", () => {
    const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n, k - 1) * (n - k + 1)) / k);
    for (const [k, n, p] of [
      [0, 10, 0.1],
      [3, 20, 0.25],
      [12, 20, 0.5],
      [19, 20, 0.9],
    ] as const) {
      let sum = 0;
      for (let i = 0; i <= k; i++) sum += choose(n, i) * p ** i * (1 - p) ** (n - i);
      expect(binomialTail(k, n, p)).toBeCloseTo(sum, 12);
    }
    // Tables of the binomial distribution: n = 20, p = 0.1, k = 2; n = 100, p = 0.5, k = 40.
    expect(binomialTail(2, 20, 0.1)).toBeCloseTo(0.6769, 4);
    expect(binomialTail(40, 100, 0.5)).toBeCloseTo(0.0284, 4);
    expect(binomialTail(5, 5, 0.3)).toBe(1);
    expect(binomialTail(400, 100_000, 0.005)).toBeLessThan(1e-5);
  });
});
