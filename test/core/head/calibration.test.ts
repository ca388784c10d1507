import { describe, expect, it } from "vitest";
import { applyCalibration, calibrate, calibrated } from "../../../workers/core/head/calibration.ts";
import { logitsOf, softmax } from "../../../workers/core/head/head.ts";
import { logLossOf } from "../../../workers/core/head/metrics.ts";
import { fitTemperature } from "../../../workers/core/head/temperature.ts";
import { seeded } from "../../helpers/random.ts";

const classes = 3;

function world(n: number, seed: number, options: { scale: number; bias: number[] }) {
  const random = seeded(seed);
  const logits = Array.from({ length: n }, () =>
    Float64Array.from({ length: classes }, () => options.scale * 2 * (random() - 0.5)),
  );
  const labels = logits.map((row) => {
    const shares = softmax(
      row.map((logit, c) => (logit / options.scale) * 3 + (options.bias[c] as number)),
      1,
    );
    const draw = random();
    return draw < (shares[0] as number) ? 0 : draw < (shares[0] as number) + (shares[1] as number) ? 1 : 2;
  });
  return { logits, labels };
}

describe("calibration", () => {
  it("never raises the log-loss on the labels it is given", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const n = [1, 2, 7, 60][seed % 4] as number;
      const { logits, labels } = world(n, seed, { scale: [0.01, 1, 30][seed % 3] as number, bias: [0.5, 0, -1] });
      const centre = [1, 0.2][seed % 2] as number;
      const { temperature, bias } = calibrate(logits, labels, { centre, deviation: seed % 5 === 0 ? 1 : 0.05 });
      const after = logLossOf(
        logits.map((row) => calibrated(row, { temperature, bias })),
        labels,
      );
      const before = logLossOf(
        logits.map((row) => softmax(row, centre)),
        labels,
      );
      expect(after).toBeLessThanOrEqual(before + 1e-12);
    }
  });

  it("finds a scale and a bias that were planted, when there is much to see", () => {
    const { logits, labels } = world(6_000, 50, { scale: 1, bias: [0.4, 0, -0.4] });
    const { temperature, bias } = calibrate(logits, labels, { centre: 0.5, deviation: 1 });
    expect(temperature).toBeCloseTo(1 / 3, 1);
    expect((bias[0] as number) - (bias[2] as number)).toBeCloseTo(0.8, 0);
    const exact = logLossOf(
      logits.map((row) => calibrated(row, { temperature: 1 / 3, bias: Float64Array.of(0.4, 0, -0.4) })),
      labels,
    );
    const found = logLossOf(
      logits.map((row) => calibrated(row, { temperature, bias })),
      labels,
    );
    expect(found - exact).toBeLessThan(0.002);
  });

  it("hardly moves for a few labels", () => {
    const { logits } = world(4, 51, { scale: 1, bias: [0, 0, 0] });
    const { temperature, bias } = calibrate(logits, [0, 0, 0, 0]);
    expect(Math.abs(Math.log(temperature))).toBeLessThan(0.1);
    expect(Math.max(...bias.map(Math.abs))).toBeLessThan(0.2);
  });

  it("worked into a head gives the same scores at temperature 1", () => {
    const random = seeded(52);
    const weights = Float32Array.from({ length: 5 * classes }, () => random() - 0.5);
    const at = { temperature: 0.7, bias: Float64Array.of(0.1, -0.2, 0.3) };
    const embedding = Float32Array.from({ length: 5 }, (_, i) => (i === 4 ? 1 : random()));
    const raw = { width: 5, classes, temperature: 1, bias: new Float32Array(classes) };
    const expected = calibrated(logitsOf({ ...raw, weights }, embedding), at);
    const scores = softmax(logitsOf({ ...raw, weights: applyCalibration(weights, at) }, embedding), 1);
    scores.forEach((score, c) => void expect(score).toBeCloseTo(expected[c] as number, 6));
  });

  it("without a label is the centre", () => {
    expect(fitTemperature([], [], { centre: 0.3 })).toBe(0.3);
  });
});
