import { Matrix, solve } from "ml-matrix";
import { describe, expect, it } from "vitest";
import { fitLogistic, fitRidge, logisticScores } from "#origin/compare/logistic.ts";
import { fitRegionalRidge, fitRidgeRegression, ridgeValue } from "#origin/compare/ridge.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

const [rows, width] = [300, 3];
const random = seeded(6);
const inputs = Array.from({ length: rows }, () => uniform(random, width, -2, 2));
const labels = inputs.map((row) => {
  const logit = 1.5 * (row[0] as number) - (row[1] as number) + 0.5;
  return random() < 1 / (1 + Math.exp(-logit)) ? 1 : 0;
});

describe("a ridge regression", () => {
  it("is the one of the normal equations, for each region with enough rows", () => {
    const targets = inputs.map((row, i) => (i % 2 ? 1 : -1) * 2 * (row[0] as number) + 3);
    const regions = inputs.map((_, i) => (i % 2 ? "east" : "west"));
    const rows = { inputs, targets, regions };
    const model = fitRegionalRidge(rows, rows);
    expect(ridgeValue(model, "east", Float32Array.of(1, 0, 0))).toBeCloseTo(5, 1);
    expect(ridgeValue(model, "west", Float32Array.of(1, 0, 0))).toBeCloseTo(1, 1);
    const design = new Matrix(inputs.map((row) => [...row, 1]));
    const expected = solve(
      design
        .transpose()
        .mmul(design)
        .add(Matrix.diag([5, 5, 5, 0])),
      design.transpose().mmul(Matrix.columnVector(targets)),
    ).to1DArray();
    fitRidgeRegression(rows, 5).forEach((weight, i) => void expect(weight).toBeCloseTo(expected[i] as number, 6));
  });
});

describe("a ridge logistic regression", () => {
  it("of two classes is the one of Newton's method", () => {
    const lambda = 2;
    // With two weights w₁ = −w₀ the penalty λ/2·(w₀² + w₁²) is λ/4·(w₁ − w₀)².
    let beta = Matrix.zeros(width + 1, 1);
    const design = new Matrix(inputs.map((row) => [...row, 1]));
    const penalty = Matrix.diag([lambda / 2, lambda / 2, lambda / 2, 0]);
    for (let i = 0; i < 30; i++) {
      const scores = design
        .mmul(beta)
        .to1DArray()
        .map((logit) => 1 / (1 + Math.exp(-logit)));
      const residuals = Matrix.columnVector(scores.map((score, row) => score - (labels[row] as number)));
      const gradient = design.transpose().mmul(residuals).add(penalty.mmul(beta));
      const curvature = design
        .transpose()
        .mmul(Matrix.diag(scores.map((score) => score * (1 - score))))
        .mmul(design);
      beta = Matrix.sub(beta, solve(curvature.add(penalty), gradient));
    }
    const { weights } = fitRidge({ inputs, targets: labels }, 2, lambda);
    for (let i = 0; i <= width; i++) {
      const difference = (weights[2 * i + 1] as number) - (weights[2 * i] as number);
      expect(difference).toBeCloseTo(beta.get(i, 0), 3);
    }
  });

  it("takes the strength that is best on validation rows, and scores sum to 1", () => {
    const part = (from: number, to: number) => ({ inputs: inputs.slice(from, to), targets: labels.slice(from, to) });
    const model = fitLogistic(part(0, 200), part(200, 300), 2);
    expect(model.lambda).toBeLessThan(1_000);
    const scores = logisticScores(model, inputs[0] as Float32Array);
    expect((scores[0] as number) + (scores[1] as number)).toBeCloseTo(1, 12);
  });
});
