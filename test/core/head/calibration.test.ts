import { describe, expect, it } from "vitest";
import { applyCalibration, calibrate, calibrated, type ScoreCalibration } from "#core/head/calibration.ts";
import { logitsOf, softmax } from "#core/head/head.ts";
import { logLossOf } from "#core/head/metrics.ts";
import { fitTemperature } from "#core/head/temperature.ts";
import { seeded } from "#test/helpers/random.ts";

interface Labelled {
  logits: Float64Array[];
  labels: number[];
}

function randomLogits(n: number, classes: number, random: () => number, scale = 1): Float64Array[] {
  return Array.from({ length: n }, () => Float64Array.from({ length: classes }, () => scale * 4 * (random() - 0.5)));
}

/** Labels drawn from softmax(logits / temperature + bias). */
function planted(n: number, seed: number, { temperature, bias }: { temperature: number; bias: number[] }): Labelled {
  const random = seeded(seed);
  const logits = randomLogits(n, bias.length, random, temperature);
  const labels = logits.map((row) => {
    const shares = calibrated(row, { temperature, bias: Float64Array.from(bias) });
    let draw = random();
    const label = shares.findIndex((share) => {
      draw -= share;
      return draw < 0;
    });
    return Math.max(0, label);
  });
  return { logits, labels };
}

const lossAt = ({ logits, labels }: Labelled, at: ScoreCalibration) =>
  logLossOf(
    logits.map((row) => calibrated(row, at)),
    labels,
  );

const unchanged = (temperature: number, classes: number) => ({ temperature, bias: new Float64Array(classes) });
const spreadOf = ({ bias }: ScoreCalibration) => Math.max(...bias) - Math.min(...bias);

describe("calibration", () => {
  it("never raises the log-loss on the labels it is fitted to", () => {
    const shapes: ((n: number, classes: number, random: () => number) => Labelled)[] = [];
    for (const scale of [1e-3, 1, 30, 1e4]) {
      shapes.push((n, classes, random) => ({
        logits: randomLogits(n, classes, random, scale),
        labels: Array.from({ length: n }, () => Math.floor(random() * classes)),
      }));
    }
    // Constant logits; logits that are always right, and always wrong; one class alone.
    shapes.push((n, classes, random) => ({
      logits: Array.from({ length: n }, () => new Float64Array(classes).fill(3)),
      labels: Array.from({ length: n }, () => Math.floor(random() * classes)),
    }));
    for (const sign of [1, -1]) {
      shapes.push((n, classes, random) => {
        const labels = Array.from({ length: n }, () => Math.floor(random() * classes));
        return { logits: labels.map((one) => new Float64Array(classes).with(one, 50 * sign)), labels };
      });
    }
    shapes.push((n, classes, random) => ({ logits: randomLogits(n, classes, random), labels: new Array(n).fill(1) }));
    const random = seeded(1);
    for (const shape of shapes) {
      for (const n of [1, 2, 7, 60]) {
        for (const classes of [2, 3, 7]) {
          for (const [centre, prior] of [
            [1, {}],
            [0.2, { centre: 0.2, deviation: 1 }],
          ] as const) {
            const data = shape(n, classes, random);
            const before = lossAt(data, unchanged(centre, classes));
            const found = calibrate(data.logits, data.labels, prior);
            expect(lossAt(data, found)).toBeLessThanOrEqual(before + 1e-12);
            expect([found.temperature, ...found.bias].every(Number.isFinite)).toBe(true);
            const temperature = fitTemperature(data.logits, data.labels, prior);
            expect(lossAt(data, unchanged(temperature, classes))).toBeLessThanOrEqual(before + 1e-12);
          }
        }
      }
    }
  });

  it("recovers a planted temperature and biases from many labels", () => {
    for (const bias of [[0.4, 0, -0.4], [1.2, -1.2], new Array(6).fill(0).with(2, 1.5)]) {
      const data = planted(6_000, 50 + bias.length, { temperature: 0.35, bias });
      const found = calibrate(data.logits, data.labels, { centre: 0.2, deviation: 1 });
      expect(Math.abs(Math.log(found.temperature / 0.35))).toBeLessThan(0.05);
      // A bias is known up to a constant.
      const mean = bias.reduce((sum, value) => sum + value, 0) / bias.length;
      for (const [c, value] of bias.entries())
        expect(Math.abs((found.bias[c] as number) - value + mean)).toBeLessThan(0.1);
    }
  });

  it("is at the minimum of log-loss and priors: no step from there is better", () => {
    const [centre, deviation] = [0.2, 1];
    for (let seed = 60; seed < 66; seed++) {
      const data = planted([30, 400][seed % 2] as number, seed, { temperature: 0.3, bias: [1, 0, -1] });
      const n = data.labels.length;
      const penalised = ({ temperature, bias }: ScoreCalibration) => {
        const ofBias = bias.reduce((sum, value) => sum + value ** 2, 0) / (2 * 0.2 ** 2);
        return (
          lossAt(data, { temperature, bias }) +
          (ofBias + Math.log(temperature / centre) ** 2 / (2 * deviation ** 2)) / n
        );
      };
      const found = calibrate(data.logits, data.labels, { centre, deviation });
      const lowest = penalised(found) - 1e-6;
      for (const by of [-0.05, -0.005, 0.005, 0.05]) {
        expect(penalised({ ...found, temperature: found.temperature * Math.exp(by) })).toBeGreaterThan(lowest);
        for (const c of found.bias.keys()) {
          const bias = found.bias.with(c, (found.bias[c] as number) + by);
          expect(penalised({ ...found, bias })).toBeGreaterThan(lowest);
        }
      }
    }
  });

  it("moves little for few labels, and more for more labels that agree", () => {
    const random = seeded(51);
    const found = [4, 40, 400].map((n) => calibrate(randomLogits(n, 3, random), new Array(n).fill(0)));
    expect(Math.abs(Math.log((found[0] as ScoreCalibration).temperature))).toBeLessThan(0.1);
    expect(spreadOf(found[0] as ScoreCalibration)).toBeLessThan(0.3);
    expect(spreadOf(found[1] as ScoreCalibration)).toBeGreaterThan(spreadOf(found[0] as ScoreCalibration));
    expect(spreadOf(found[2] as ScoreCalibration)).toBeGreaterThan(spreadOf(found[1] as ScoreCalibration));
  });

  it("worked into a head gives the same scores at temperature 1", () => {
    const random = seeded(52);
    const [width, classes] = [5, 3];
    const weights = Float32Array.from({ length: (width + 1) * classes }, () => random() - 0.5);
    const headOf = (values: Float32Array) => ({
      width,
      classes,
      temperature: 1,
      weights: values.subarray(0, width * classes),
      bias: values.subarray(width * classes),
    });
    const at = { temperature: 0.7, bias: Float64Array.of(0.1, -0.2, 0.3) };
    for (let i = 0; i < 20; i++) {
      const embedding = Float32Array.from({ length: width }, () => 10 * (random() - 0.5));
      const expected = calibrated(logitsOf(headOf(weights), embedding), at);
      const scores = softmax(logitsOf(headOf(applyCalibration(weights, at)), embedding), 1);
      scores.forEach((score, c) => void expect(score).toBeCloseTo(expected[c] as number, 6));
    }
  });

  it("of no data is the prior's centre without a bias", () => {
    expect(calibrate([], [], { centre: 0.3 })).toEqual(unchanged(0.3, 0));
  });
});

describe("a temperature", () => {
  it("is at the minimum of log-loss and prior, to one in ten thousand", () => {
    for (const [seed, prior] of [{}, { centre: 0.3 }, { centre: 0.3, deviation: 1 }].entries()) {
      const { centre = 1, deviation = 0.05 } = prior;
      const data = planted(300, 70 + seed, { temperature: 0.5, bias: [0, 0] });
      const penalised = (temperature: number) =>
        lossAt(data, unchanged(temperature, 2)) + Math.log(temperature / centre) ** 2 / (2 * deviation ** 2 * 300);
      const found = fitTemperature(data.logits, data.labels, prior);
      const [below, at, above] = [-0.001, 0, 0.001].map((by) => penalised(found * Math.exp(by))) as [
        number,
        number,
        number,
      ];
      // How far the minimum is, by Newton.
      const away = (above - below) / 0.002 / ((above - 2 * at + below) / 0.001 ** 2);
      expect(Math.abs(away)).toBeLessThan(1e-4);
    }
  });

  it("is closer to the prior's centre for a stronger prior and fewer labels", () => {
    const far = (n: number, deviation: number) => {
      const { logits, labels } = planted(n, 75, { temperature: 1, bias: [0, 0] });
      return Math.abs(Math.log(fitTemperature(logits, labels, { centre: 0.4, deviation }) / 0.4));
    };
    expect(far(10, 0.05)).toBeLessThan(0.1);
    expect(far(10, 0.05)).toBeLessThan(far(2_000, 0.05));
    expect(far(200, 0.05)).toBeLessThan(far(200, 1));
    expect(Math.abs(far(8_000, 1) - Math.log(1 / 0.4))).toBeLessThan(0.05);
  });

  it("without a label is the centre", () => {
    expect(fitTemperature([], [], { centre: 0.3 })).toBe(0.3);
    expect(fitTemperature([], [])).toBe(1);
  });
});
