import { describe, expect, it } from "vitest";
import { distributionOf } from "#core/rung/external/distribution.ts";

const labels = Array.from({ length: 77 }, (_, i) => `label ${i}`);
const given = (p: (i: number) => unknown) => labels.map((label, i) => [label, p(i)] as const);

describe("a distribution over many labels", () => {
  it("may miss 1 by what was rounded", () => {
    // Each of 0.0149 rounds to 0.01.
    const scores = distributionOf(
      labels,
      given((i) => (i < 67 ? 0.01 : 0)),
    );
    expect(scores[0]).toBeCloseTo(1 / 67, 10);
  });

  it.each([1.3, 0.7])("may not sum to %d where nothing was rounded that far", (sum) => {
    const even = given(() => sum / labels.length);
    expect(() => distributionOf(labels, even)).toThrow("do not sum to 1");
    const fine = even.map(([label, p]) => [label, Number((p as number).toFixed(4))] as const);
    expect(() => distributionOf(labels, fine)).toThrow("do not sum to 1");
  });
});
