import { expect, it } from "vitest";
import { normalQuantile, shareDifference } from "#core/confidence/shares.ts";

it.for([
  [56, 70, 48, 80, 0.0524, 0.3339],
  [9, 10, 3, 10, 0.1705, 0.809],
  [10, 10, 0, 20, 0.6791, 1],
] as const)("bounds %d of %d less %d of %d as Newcombe's table II does", ([a, m, b, n, low, high]) => {
  const found = shareDifference({ share: b / n, n }, { share: a / m, n: m }, 0.025);
  expect(found.low).toBeCloseTo(low, 3);
  expect(found.high).toBeCloseTo(high, 3);
});

it.for([
  [0.05, 1.6449],
  [0.025, 1.96],
  [0.0001, 3.719],
] as const)("finds the normal quantile of the tail %d", ([tail, z]) => {
  expect(Math.abs(normalQuantile(tail) - z)).toBeLessThan(0.0005);
});
