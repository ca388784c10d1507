import { describe, expect, it } from "vitest";
import { calibrated, learnCalibration, noCalibration, temperatureOf } from "#core/rung/external/calibration.ts";
import { seeded } from "#test/helpers/random.ts";

/** Labels drawn from distributions, and the scores of a rung that sharpens them: its true temperature. */
function sharpened(n: number, temperature: number) {
  const random = seeded(3);
  return Array.from({ length: n }, () => {
    const raw = Array.from({ length: 4 }, () => Math.exp(3 * random()));
    const sum = raw.reduce((total, one) => total + one, 0);
    const truth = raw.map((one) => one / sum);
    let coin = random();
    const label = Math.min(
      3,
      truth.findIndex((p) => {
        coin -= p;
        return coin <= 0;
      }),
    );
    const powers = truth.map((p) => p ** temperature);
    const all = powers.reduce((total, one) => total + one, 0);
    return { scores: powers.map((one) => one / all), label: Math.max(0, label) };
  });
}

describe("the calibration of an external rung", () => {
  it("leaves scores as they come before the first label", () => {
    expect(calibrated(noCalibration(), [0.9, 0.1])).toEqual([0.9, 0.1]);
    expect(temperatureOf(noCalibration())).toBe(1);
  });

  it.each([0.5, 1, 3])("finds the temperature %d by which scores are too sharp", (temperature) => {
    const state = sharpened(1_500, temperature).reduce(
      (sum, { scores, label }) => learnCalibration(sum, scores, label),
      noCalibration(),
    );
    expect(Math.abs(Math.log(temperatureOf(state) / temperature))).toBeLessThan(0.3);
  });

  it("lowers the confidence of certain answers that are wrong half of the time", () => {
    let state = noCalibration();
    for (let i = 0; i < 100; i++) state = learnCalibration(state, [1, 0, 0], i % 2);
    expect(calibrated(state, [1, 0, 0])[0]).toBeLessThan(0.8);
  });

  it("moves little by one label", () => {
    const state = learnCalibration(noCalibration(), [0.99, 0.01], 1);
    expect(temperatureOf(state)).toBeLessThan(2.5);
  });
});
