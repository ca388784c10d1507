import { describe, expect, it } from "vitest";
import { fitOpenLabels } from "#core/head/open-labels.ts";
import { addRow, addSums, emptySums } from "#core/head/sums.ts";

const [width, known] = [4, 2];
const labels = ["a", "b", "tiger"];
const near = (i: number, at: number) => Int16Array.from({ length: width }, (_, j) => (j === at ? 900 + 10 * i : 3 * i));
const sumsOf = (label: number, at: number) => {
  const sums = emptySums(width, labels.length);
  for (let i = 0; i < 6; i++) addRow(sums, { vector: near(i, at), label, weight: 4 });
  return sums;
};

describe("labels that contributions brought", () => {
  const background = Array.from({ length: 6 }, (_, i) => near(i, 1));

  it("score where the embeddings are like the contributed ones; the model's labels share the rest", () => {
    const open = fitOpenLabels({ sums: sumsOf(2, 0), labels, known }, background);
    expect(open?.labels).toEqual(["tiger"]);
    const like = open?.extend([0.9, 0.1], near(3, 0)) as Float64Array;
    expect(like[2]).toBeGreaterThan(0.9);
    expect((like[0] as number) / (like[1] as number)).toBeCloseTo(9, 9);
    expect(like.reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 12);
    expect(open?.extend([0.9, 0.1], near(3, 1))[0]).toBeGreaterThan(0.85);
  });

  it("are held back by contributed labels of the model, and are none where only these came", () => {
    expect(fitOpenLabels({ sums: sumsOf(0, 0), labels: ["a", "b"], known }, background)).toBeNull();
    const both = addSums(sumsOf(2, 0), sumsOf(1, 2));
    const open = fitOpenLabels({ sums: both, labels, known }, []);
    expect(open?.extend([0.5, 0.5], near(2, 2))[2]).toBeLessThan(0.1);
    expect(open?.extend([0.5, 0.5], near(2, 0))[2]).toBeGreaterThan(0.9);
  });
});
