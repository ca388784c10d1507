import { describe, expect, it } from "vitest";
import { expectedHelp, learnHelp, noHelp } from "#core/budget/help.ts";
import { bytesOf, isPriced, learnTokenUse, noTokenUse, priceOf } from "#core/budget/price.ts";
import type { ExternalRung } from "#core/contract/index.ts";
import { seeded } from "../../helpers/random.ts";

describe("the expected help", () => {
  it("falls with the edge's confidence before any label", () => {
    const at = [0.2, 0.5, 0.8, 0.99].map((confidence) => expectedHelp(noHelp(), confidence));
    expect(at).toEqual(at.toSorted((a, b) => b - a));
    expect(at[0]).toBeCloseTo(0.56, 9);
  });

  it("comes near the true probability in each bin", () => {
    const random = seeded(7);
    // The rung above is right on 90% of what the edge gets wrong with some confidence, and on 20% of the hardest.
    const truth = (confidence: number) => (1 - confidence) * (confidence < 0.375 ? 0.2 : 0.9);
    let help = noHelp();
    for (let i = 0; i < 6_000; i++) {
      const confidence = 0.2 + 0.7 * random();
      const helped = random() < truth(confidence);
      help = learnHelp(help, { confidence, aboveRight: helped, edgeRight: false });
    }
    for (const confidence of [0.3, 0.45, 0.6, 0.8]) {
      expect(Math.abs(expectedHelp(help, confidence) - truth(confidence))).toBeLessThan(0.08);
    }
    expect(expectedHelp(help, 0.3)).toBeLessThan(expectedHelp(help, 0.45));
  });
});

describe("the price of a question", () => {
  const rung: ExternalRung = {
    ...{ name: "jev", kind: "system-one", url: "https://api.example", model: "m", instructions: "Which desk?" },
    price: { usdPerMillionInputTokens: 1, usdPerQuestion: 0.001 },
  };

  it("follows the tokens that a rung reads, and reserves one for each byte", () => {
    const first = priceOf(rung, 4_000, noTokenUse());
    expect(first.expectedUsd).toBeCloseTo(0.001 + 1_000 / 1e6, 9);
    expect(first.mostUsd).toBeCloseTo(0.001 + 5_024 / 1e6, 9);
    let use = noTokenUse();
    for (let i = 0; i < 500; i++) use = learnTokenUse(use, { tokens: 2_000, bytes: 4_000 });
    expect(priceOf(rung, 4_000, use).expectedUsd).toBeCloseTo(0.001 + 2_000 / 1e6, 5);
    expect(priceOf({ ...rung, votes: 3 }, 1_000, use).mostUsd).toBeCloseTo(0.001 + (3 * 2_024) / 1e6, 9);
  });

  it("counts the bytes of text, labels and instructions", () => {
    const sizeOf = bytesOf(rung, ["a", "b"]);
    expect(sizeOf({ text: "né" }) - sizeOf({ text: "" })).toBe(3);
    expect(sizeOf({})).toBe(2 + "Which desk?".length + 2 + 9);
  });

  it("is nothing without one", () => {
    expect([isPriced(undefined), isPriced({}), isPriced({ usdPerQuestion: 0 }), isPriced(rung.price)]).toEqual([
      ...[false, false, false, true],
    ]);
  });
});
