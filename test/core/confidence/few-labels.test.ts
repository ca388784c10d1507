import { describe, expect, it } from "vitest";
import { crossFitFold, crossFitFolds, fewLabelsBelow } from "#core/confidence/few-labels.ts";
import { assignSplit, trainFolds, usualCuts } from "#core/confidence/splits.ts";

describe("labels are few", () => {
  it("below 200, or 40 of each class, and never from 2,000 on", () => {
    expect([1, 2, 5, 10, 50, 77, 1_000].map(fewLabelsBelow)).toEqual([200, 200, 200, 400, 2_000, 2_000, 2_000]);
  });

  it("are left out in five parts, of whole groups and of about the same size", async () => {
    const n = 2_000;
    const sizes = new Array<number>(crossFitFolds).fill(0);
    for (let group = 0; group < n; group++) {
      const assigned = await assignSplit({ key: "secret", cuts: usualCuts }, `group ${group}`);
      const fold = crossFitFold(assigned);
      if (assigned.split === "train") expect(fold).toBeLessThan(trainFolds);
      else expect(fold).toBeGreaterThanOrEqual(trainFolds);
      sizes[fold] = (sizes[fold] as number) + 1;
    }
    for (const size of sizes) expect(Math.abs(size / n - 1 / crossFitFolds)).toBeLessThan(0.03);
  });
});
