import { describe, expect, it } from "vitest";
import { softmax } from "#core/head/head.ts";
import { estimateLabelShift } from "#core/head/label-shift.ts";
import { seeded } from "#test/helpers/random.ts";

const trained = [0.5, 0.3, 0.2];
const region = [0.15, 0.25, 0.6];

/** Questions of a region: each class is a normal cloud on a line, and the scores are Bayes' rule under the priors of training. */
function questionsOf(n: number, priors: readonly number[], seed = 3) {
  const random = seeded(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const centres = [-1.5, 0, 1.5];
  return Array.from({ length: n }, () => {
    let draw = random();
    const label = priors.findIndex((share) => {
      draw -= share;
      return draw < 0;
    });
    const x = (centres[label] as number) + normal();
    const logits = Float64Array.from(centres, (centre, c) => Math.log(trained[c] as number) - (x - centre) ** 2 / 2);
    return { label, scores: softmax(logits, 1) };
  });
}

const ones = (n: number) => Array.from({ length: n }, () => 1);

describe("label shift", () => {
  it("finds the priors of a region from its unlabelled questions", () => {
    const scores = questionsOf(20_000, region).map((question) => question.scores);
    const { priors, bias, questions } = estimateLabelShift({ scores, weights: ones(20_000) }, trained);
    for (const [c, share] of region.entries()) expect(priors[c]).toBeCloseTo(share, 1);
    for (const [c, share] of trained.entries()) expect(bias[c]).toBeCloseTo(Math.log((priors[c] as number) / share), 9);
    expect(questions).toBe(20_000);
  });

  it("equals a grid search over the penalised likelihood", () => {
    const scores = questionsOf(300, region).map((question) => question.scores);
    const penalised = (priors: readonly number[]) =>
      scores.reduce(
        (sum, row) =>
          sum + Math.log(row.reduce((all, s, c) => all + (s * (priors[c] as number)) / (trained[c] as number), 0)),
        0,
      ) + trained.reduce((sum, share, c) => sum + 100 * share * Math.log(priors[c] as number), 0);
    const steps = 100;
    const grid = Array.from({ length: steps - 1 }, (_, i) =>
      Array.from({ length: steps - 1 - (i + 1) }, (_, j) => [
        (i + 1) / steps,
        (j + 1) / steps,
        (steps - i - j - 2) / steps,
      ]),
    ).flat();
    const best = grid.reduce((a, b) => (penalised(b) > penalised(a) ? b : a));
    const { priors } = estimateLabelShift({ scores, weights: ones(300) }, trained);
    for (const [c, share] of best.entries()) expect(Math.abs((priors[c] as number) - share)).toBeLessThan(0.01);
    expect(penalised([...priors])).toBeGreaterThanOrEqual(penalised(best));
  });

  it("lowers the log-loss of a head in a region with other priors", () => {
    const unlabelled = questionsOf(2_000, region).map((question) => question.scores);
    const { bias } = estimateLabelShift({ scores: unlabelled, weights: ones(2_000) }, trained);
    const later = questionsOf(2_000, region, 17);
    const lossOf = (shift: (c: number) => number) =>
      later.reduce((sum, { label, scores }) => {
        const shifted = softmax(
          scores.map((score, c) => Math.log(score) + shift(c)),
          1,
        );
        return sum - Math.log(shifted[label] as number);
      }, 0) / later.length;
    expect(lossOf((c) => bias[c] as number)).toBeLessThan(lossOf(() => 0) - 0.1);
  });

  it("moves little with few questions, and not at all without one", () => {
    const scores = questionsOf(5, [0, 0, 1]).map((question) => question.scores);
    const few = estimateLabelShift({ scores, weights: ones(5) }, trained);
    expect(few.priors[2]).toBeGreaterThan(0.2);
    expect(few.priors[2]).toBeLessThan(0.26);
    const none = estimateLabelShift({ scores: [], weights: [] }, trained);
    expect([...none.priors]).toEqual(trained);
    expect([...none.bias]).toEqual([0, 0, 0]);
  });

  it("counts a question as many times as its weight says, without taking the weights for further questions", () => {
    const questions = questionsOf(20_000, region);
    // Accepted questions are kept one in ten times and stand for ten; the others are all kept.
    const random = seeded(29);
    const kept = questions.flatMap(({ scores }) => {
      const isAccepted = Math.max(...scores) > 0.8;
      return !isAccepted ? [{ scores, weight: 1 }] : random() < 0.1 ? [{ scores, weight: 10 }] : [];
    });
    const all = estimateLabelShift({ scores: questions.map(({ scores }) => scores), weights: ones(20_000) }, trained);
    const scores = kept.map((question) => question.scores);
    const weighted = estimateLabelShift({ scores, weights: kept.map(({ weight }) => weight) }, trained);
    const biased = estimateLabelShift({ scores, weights: ones(kept.length) }, trained);
    const error = ({ priors }: typeof all) =>
      priors.reduce((sum, share, c) => sum + Math.abs(share - (all.priors[c] as number)), 0);
    expect(error(weighted)).toBeLessThan(0.06);
    expect(error(biased)).toBeGreaterThan(2 * error(weighted));
    expect(weighted.questions).toBeLessThan(kept.length);
  });

  it("leaves the score of a class that training never saw", () => {
    const { priors, bias } = estimateLabelShift({ scores: [[0.6, 0.4, 0]], weights: [1] }, [0.5, 0.5, 0]);
    expect(priors[2]).toBe(0);
    expect(bias[2]).toBe(0);
    expect(priors.every(Number.isFinite)).toBe(true);
  });
});
