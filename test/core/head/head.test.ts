import { describe, expect, it } from "vitest";
import { dequantise, quantise } from "#core/head/embedding.ts";
import { argMax, decodeHead, encodeHead, logitsOf, scoresOf, scoresOfRows, softmax } from "#core/head/head.ts";
import { aucOf, coverageAt, evaluate, logLossOf } from "#core/head/metrics.ts";
import { fitTemperature } from "#core/head/temperature.ts";
import { EngineError } from "#core/model/engine.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

const random = seeded(2);
const spec = { blob: { sha256: "0".repeat(64), bytes: 48 }, width: 3, classes: 3, temperature: 2 };
const head = { ...spec, weights: uniform(random, 9), bias: uniform(random, 3) };

describe("a head", () => {
  it("is stored and read exactly", () => {
    const read = decodeHead(spec, encodeHead(head).buffer);
    expect(read.weights).toEqual(head.weights);
    expect(read.bias).toEqual(head.bias);
    expect(() => decodeHead({ ...spec, classes: 4 }, encodeHead(head).buffer)).toThrow(EngineError);
  });

  it("equals softmax((e·W + b) / T), and does not overflow", () => {
    const e = [0.3, -2, 5];
    const logits = [0, 1, 2].map((c) =>
      e.reduce((sum, x, i) => sum + x * (head.weights[i * 3 + c] as number), head.bias[c] as number),
    );
    const powers = logits.map((logit) => Math.exp(logit / 2));
    const total = powers.reduce((a, b) => a + b);
    scoresOf(head, e).forEach((score, c) => void expect(score).toBeCloseTo((powers[c] as number) / total, 10));
    expect(Array.from(softmax(Float64Array.of(1e4, -1e4), 1))).toEqual([1, 0]);
    expect(argMax([0.1, 0.7, 0.2])).toBe(1);
  });

  it("adds up in the order of the embedding, for any number of classes, alone and among other rows", () => {
    for (const classes of [1, 2, 4, 7, 9]) {
      const [width, rows] = [5, 3];
      const wide = {
        width,
        classes,
        temperature: 1,
        weights: uniform(random, 5 * classes),
        bias: uniform(random, classes),
      };
      const embeddings = uniform(random, rows * width);
      const all = scoresOfRows(wide, embeddings, rows);
      for (let row = 0; row < rows; row++) {
        const own = embeddings.subarray(row * width, (row + 1) * width);
        const sumOf = (c: number) =>
          own.reduce((sum, x, i) => sum + x * (wide.weights[i * classes + c] as number), wide.bias[c] as number);
        expect(Array.from(logitsOf(wide, own))).toEqual(Array.from({ length: classes }, (_, c) => sumOf(c)));
        expect(all.slice(row * classes, (row + 1) * classes)).toEqual(scoresOf(wide, own));
      }
    }
  });

  it("is within half a step for embeddings stored as int16", () => {
    const step = 0.01;
    const values = uniform(random, 100, -300, 300);
    dequantise(quantise(values, step), step).forEach((value, i) => {
      expect(Math.abs(value - (values[i] as number))).toBeLessThanOrEqual(step / 2 + 1e-4);
    });
    expect(Array.from(quantise([1e9, -1e9], step))).toEqual([32767, -32768]);
  });
});

describe("calibration", () => {
  it("recovers the temperature of the labels from many labels", () => {
    const { logits, labels } = sample(8_000, 2);
    expect(fitTemperature(logits, labels)).toBeGreaterThan(1.8);
    expect(fitTemperature(logits, labels)).toBeLessThan(2.2);
  });

  it("never raises the log-loss it is fitted on, and changes little for few labels", () => {
    for (const n of [1, 5, 40, 400]) {
      const { logits, labels } = sample(n, 1);
      const temperature = fitTemperature(logits, labels);
      const loss = (t: number) =>
        logLossOf(
          logits.map((row) => softmax(row, t)),
          labels,
        );
      expect(loss(temperature)).toBeLessThanOrEqual(loss(1));
      if (n <= 5) expect(Math.abs(Math.log(temperature))).toBeLessThan(0.1);
    }
    expect(fitTemperature([], [])).toBe(1);
  });

  // Labels drawn by softmax(logits / temperature).
  function sample(n: number, temperature: number) {
    const logits = Array.from({ length: n }, () => Float64Array.from(uniform(random, 3, -4, 4)));
    const labels = logits.map((row) => {
      let left = random();
      const scores = softmax(row, temperature);
      const predicted = scores.findIndex((score) => {
        left -= score;
        return left < 0;
      });
      return Math.max(0, predicted);
    });
    return { logits, labels };
  }
});

describe("metrics", () => {
  const n = 300;
  const scores = Array.from({ length: n }, () => Math.round(random() * 20) / 20);
  const positive = scores.map((score) => random() < score);

  it("AUC is the share of pairs in the right order, ties counting half", () => {
    let right = 0;
    let pairs = 0;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        if (!positive[i] || positive[j]) continue;
        pairs++;
        right += (scores[i] as number) > (scores[j] as number) ? 1 : scores[i] === scores[j] ? 0.5 : 0;
      }
    }
    expect(aucOf(scores, positive)).toBeCloseTo(right / pairs, 12);
    expect(aucOf([0.1, 0.2], [true, true])).toBeNull();
  });

  it("coverage is that of the lowest threshold whose error is low enough", () => {
    const confidences = scores.map((score) => Math.max(score, 1 - score));
    const right = scores.map((score, i) => score >= 0.5 === positive[i]);
    for (const risk of [0, 0.05, 0.1, 0.3, 1]) {
      const shares = [...new Set(confidences)].map((threshold) => {
        const accepted = right.filter((_, i) => (confidences[i] as number) >= threshold);
        return accepted.filter((ok) => !ok).length <= risk * accepted.length ? accepted.length / n : 0;
      });
      expect(coverageAt(confidences, right, risk)).toBe(Math.max(0, ...shares));
    }
    expect(coverageAt([], [], 0.1)).toBe(0);
  });

  it("log-loss and accuracy equal values computed by hand", () => {
    const metrics = evaluate(
      [
        [0.8, 0.2],
        [0.4, 0.6],
        [0.9, 0.1],
      ],
      [0, 1, 1],
    );
    expect(metrics.logLoss).toBeCloseTo(-(Math.log(0.8) + Math.log(0.6) + Math.log(0.1)) / 3, 12);
    expect(metrics).toMatchObject({ n: 3, accuracy: 2 / 3, auc: 0.5 });
  });
});
