import { describe, expect, it } from "vitest";
import type { NumberTask } from "#core/contract/index.ts";
import { binNames } from "#core/regress/fit-bins.ts";
import { taskOf } from "#core/task/index.ts";

const number: NumberTask = {
  bins: { edges: [0, 10, 20, 30, 40], tails: [5, 5], sigma: 0 },
  tolerance: 3,
  coverage: 0.9,
  unit: "°C",
};
const regress = taskOf({ labels: binNames(number.bins), number });
const classify = taskOf({ labels: ["cat", "dog"] });

describe("the task of numbers", () => {
  it("is that of its own tolerance where two models share their bins and labels", () => {
    const labels = binNames(number.bins);
    const [near, far] = [1, 9].map((tolerance) => taskOf({ labels, number: { ...number, tolerance } }));
    expect([near?.isRight("10", "15"), far?.isRight("10", "15")]).toEqual([false, true]);
  });

  it("parses what people write, and nothing else", () => {
    const texts = [
      "24.50",
      " 7 ",
      "-0",
      "+3",
      "-12.25",
      ".5",
      "1e3",
      "24,5",
      "",
      "NaN",
      "Infinity",
      "1e999",
      "0x10",
      "12 °C",
      "warm",
    ];
    expect(texts.map((text) => regress.parse(text))).toEqual([
      ...["24.5", "7", "0", "3", "-12.25", "0.5", "1000"],
      ...[null, null, null, null, null, null, null, null],
    ]);
  });

  it("reads scores as a number with its interval, tolerance and unit", () => {
    const said = regress.read([0, 0, 1, 0], { within: { offset: 0, slope: 1 }, reach: 0.4 });
    expect(said).toMatchObject({ label: "25", value: 25, mean: 25, interval: [21, 29], intervalCoverage: 0.9 });
    expect(said).toMatchObject({ tolerance: 3, unit: "°C", scores: { "20 to 30": 1 } });
    expect(said.confidence).toBeCloseTo(0.6, 9);
    expect(regress.read([0, 0, 1, 0])).not.toHaveProperty("interval");
  });

  it("counts an answer as right within the tolerance", () => {
    expect(
      [
        ["24.3", "21.3"],
        ["21", "25"],
      ].map(([a, b]) => regress.isRight(a as string, b as string)),
    ).toEqual([true, false]);
    const label = regress.labelOf("26");
    expect(label && regress.grade([0, 0, 1, 0], label).right).toBe(true);
    const far = regress.labelOf("29");
    const graded = far === null ? null : regress.score([0, 0, 1, 0], far);
    expect(graded).toMatchObject({ right: false });
    expect(graded?.predicted).not.toBe(graded?.label);
  });

  it("gives the mass around a number that another answer says", () => {
    const scores = Object.fromEntries(binNames(number.bins).map((name, i) => [name, i === 2 ? 1 : 0]));
    expect(regress.scoreOf(scores, "25")).toBeCloseTo(0.6, 9);
    expect(regress.scoreOf(scores, "5")).toBe(0);
    expect(regress.scoreOf({ other: 1 }, "25")).toBeNull();
  });

  it("says a known number with all its mass in its bin", () => {
    expect(regress.known("31.5")).toMatchObject({
      label: "31.5",
      value: 31.5,
      confidence: 1,
      scores: { "30 or more": 1, "20 to 30": 0 },
    });
  });
});

describe("the task of labels", () => {
  it("keeps labels as they are", () => {
    expect([classify.parse("cat"), classify.parse("bird"), classify.labelOf("dog"), classify.labelOf("3")]).toEqual([
      "cat",
      null,
      1,
      null,
    ]);
    expect(classify.read([0.3, 0.7])).toEqual({ label: "dog", scores: { cat: 0.3, dog: 0.7 }, confidence: 0.7 });
    expect(classify.known("cat")).toEqual({ label: "cat", scores: { cat: 1, dog: 0 }, confidence: 1 });
    expect([classify.scoreOf({ cat: 0.2 }, "cat"), classify.scoreOf({ cat: 0.2 }, "dog")]).toEqual([0.2, null]);
  });
});
