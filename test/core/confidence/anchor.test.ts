import { describe, expect, it } from "vitest";
import { anchorFault } from "#core/confidence/anchor.ts";
import { decodeAnchor, encodeAnchor } from "#core/head/anchor.ts";

const names = ["a", "b", "c"];
// Three classes, each along an axis of its own.
const width = 3;
const step = 0.01;
const vectors = Array.from({ length: 30 }, (_, i) =>
  Int16Array.from({ length: width }, (_, axis) => (axis === i % 3 ? 100 : 0)),
);
const labels = vectors.map((_, i) => i % 3);
const anchor = decodeAnchor(encodeAnchor(vectors, labels).buffer, width, step);

/** A head [width + 1, classes] that gives each axis to a class. */
function headOf(classOfAxis: readonly number[]): Float32Array {
  const weights = new Float32Array((width + 1) * 3);
  for (const [axis, label] of classOfAxis.entries()) weights[axis * 3 + label] = 1;
  return weights;
}

const world = { start: headOf([0, 1, 2]), classes: 3 };

describe("the anchor", () => {
  it("survives a round trip through bytes, each row ending in 1, and rejects other bytes", () => {
    expect(anchor.labels).toEqual(labels);
    expect(Array.from(anchor.inputs.subarray(4, 8))).toEqual([0, 1, 0, 1]);
    expect(() => decodeAnchor(encodeAnchor(vectors, labels).buffer, width + 1, step)).toThrow(/30 × 4 takes \d+ bytes/);
    expect(decodeAnchor(encodeAnchor([], []).buffer, width, step)).toEqual({ inputs: new Float32Array(), labels: [] });
    const manyClasses = encodeAnchor([new Int16Array(width)], [40_000]);
    expect(decodeAnchor(manyClasses.buffer, width, step).labels).toEqual([40_000]);
    expect(() => decodeAnchor(new ArrayBuffer(2), width, step)).toThrow(/0 × 3 takes 4 bytes; received 2/);
  });

  it("refuses only a head that loses a class with few labels in the region", () => {
    const forgetful = headOf([0, 0, 2]);
    const judge = (ownLabels: number[]) => anchorFault({ ...world, labels: names, ownLabels }, anchor, forgetful, null);
    expect(judge([100, 19, 100])).toMatchObject({ classes: [1], largestDrop: 1 });
    expect(judge([100, 19, 100]).fault).toMatch(/recall of 'b' on the anchor set falls by 100.0 points/);
    expect(judge([100, 20, 100])).toEqual({ classes: [], largestDrop: 0, fault: null });
    expect(judge([100, 100, 3])).toEqual({ classes: [2], largestDrop: 0, fault: null });
  });

  it("compares a candidate with the head in use, not with the world's", () => {
    const own = {
      width,
      classes: 3,
      temperature: 1,
      weights: headOf([0, 0, 2]).slice(0, 9),
      bias: new Float32Array(3),
    };
    const again = anchorFault({ ...world, labels: names, ownLabels: [50, 0, 50] }, anchor, headOf([0, 0, 2]), own);
    expect(again).toEqual({ classes: [1], largestDrop: 0, fault: null });
  });

  it("allows a loss of recall of at most 5 points", () => {
    // Rows of class 1 with an axis of their own each, so that a head can forget them one by one.
    const rows = 20;
    const own = Array.from({ length: rows }, (_, i) => new Int16Array(rows).with(i, 100));
    const twenty = decodeAnchor(encodeAnchor(own, new Array(rows).fill(1)).buffer, rows, step);
    const forgetting = (n: number) =>
      Float32Array.from({ length: 2 * (rows + 1) }, (_, i) => Number(i % 2 === (i < 2 * n ? 0 : 1)));
    const judge = (n: number) =>
      anchorFault({ start: forgetting(0), classes: 2, labels: names, ownLabels: [0, 0] }, twenty, forgetting(n), null);
    expect(judge(1)).toEqual({ classes: [0, 1], largestDrop: 0.05, fault: null });
    expect(judge(2)).toMatchObject({ largestDrop: 0.1, fault: expect.stringContaining("'b'") });
  });

  it("names the class that loses most, and skips a class without rows", () => {
    const report = anchorFault({ ...world, labels: names, ownLabels: [0, 0, 0] }, anchor, headOf([1, 1, 1]), null);
    expect(report).toMatchObject({ classes: [0, 1, 2], largestDrop: 1, fault: expect.stringContaining("'a'") });
    const withoutClass2 = { inputs: anchor.inputs, labels: labels.map((label) => label % 2) };
    expect(
      anchorFault({ ...world, labels: names, ownLabels: [50, 50, 0] }, withoutClass2, headOf([0, 1, 0]), null).fault,
    ).toBeNull();
  });
});
