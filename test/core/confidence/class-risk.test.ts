import { describe, expect, it } from "vitest";
import { classTests, overallRisk } from "#core/confidence/class-risk.ts";

const labels = ["fine", "fraud"];

describe("class risks", () => {
  it("share delta among all tests of all classes; the overall risk keeps its own", () => {
    const tests = classTests({ labels, perClass: ["fraud", "fine"] });
    expect(tests.map(({ by, label, sharedBy }) => [by, label, sharedBy])).toEqual([
      ["predicted", 1, 4],
      ["true", 1, 4],
      ["predicted", 0, 4],
      ["true", 0, 4],
    ]);
    expect(overallRisk.sharedBy).toBe(1);
  });

  it("count by prediction what is accepted, and by true label every question", () => {
    const [predicted, own] = classTests({ labels, perClass: ["fraud"] });
    const missed = { predicted: 0, label: 1 };
    const found = { predicted: 1, label: 1 };
    const falseAlarm = { predicted: 1, label: 0 };
    const cases = [missed, found, falseAlarm].flatMap((answer) =>
      [true, false].map((isAccepted) => ({ answer, isAccepted })),
    );
    const count = (test = overallRisk) => cases.map(({ answer, isAccepted }) => test.count(answer, isAccepted));
    expect(count(predicted)).toEqual([null, null, 0, null, 1, null]);
    expect(count(own)).toEqual([1, 0, 0, 0, null, null]);
    expect(count()).toEqual([1, null, 0, null, 1, null]);
  });
});
