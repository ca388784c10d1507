import { describe, expect, it } from "vitest";
import { agreedLabel } from "#core/semantic-cache/agreed-label.ts";

const near = (...pairs: [label: number, similarity: number][]) =>
  pairs.map(([label, similarity]) => ({ label, similarity }));

describe("semantic-cache", () => {
  it("returns the label that at least two near neighbours agree on", () => {
    expect(agreedLabel(near([4, 0.99], [4, 0.96], [1, 0.7]), 0.95)).toEqual({ label: 4 });
    expect(agreedLabel(near([0, 0.99], [0, 0.95]), 0.95)).toEqual({ label: 0 });
    expect(agreedLabel(near([4, 0.99], [1, 0.96]), 0.95)).toBeNull();
    expect(agreedLabel(near([4, 0.99], [4, 0.98], [1, 0.96]), 0.95)).toBeNull();
  });

  it("accepts a single neighbour only for an exact repeat", () => {
    expect(agreedLabel(near([4, 0.9999], [4, 0.9]), 0.95)).toBeNull();
    expect(agreedLabel(near([4, 1 - 1e-7], [1, 0.9]), 0.95)).toEqual({ label: 4 });
    expect(agreedLabel(near([4, 1], [1, 0.96]), 0.95)).toBeNull();
  });

  it("returns null where no neighbour is near, and reads at most five", () => {
    expect(agreedLabel([], 0.95)).toBeNull();
    expect(agreedLabel(near([4, 0.5], [4, 0.4]), 0.95)).toBeNull();
    const six = near([4, 0.99], [4, 0.99], [4, 0.98], [4, 0.98], [4, 0.97], [1, 0.96]);
    expect(agreedLabel(six, 0.95)).toEqual({ label: 4 });
  });
});
