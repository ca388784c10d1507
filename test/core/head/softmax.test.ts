import { beforeAll, describe, expect, it } from "vitest";
import { crossFitFolds } from "#core/confidence/few-labels.ts";
import { trainFolds } from "#core/confidence/splits.ts";
import { pack, unpack } from "#core/head/fit-state.ts";
import { type SoftmaxState, softmaxGradient, softmaxSettings, softmaxStep, startSoftmax } from "#core/head/softmax.ts";
import {
  continueFit,
  type FitData,
  type FitState,
  isFitted,
  type LabelledRows,
  startFit,
} from "#core/head/softmax-fit.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

const width = 4;
const classes = 3;
const rows = 30;
const random = seeded(6);

beforeAll(startBackend);

/** Rows whose labels are classes. */
type ClassRows = Omit<LabelledRows, "labels"> & { labels: number[] };

function labelled(n: number, shift = 0): ClassRows {
  const inputs = uniform(random, n * width);
  for (let row = 0; row < n; row++) inputs[row * width + width - 1] = 1;
  const labels = Array.from({ length: n }, (_, row) => {
    const [x = 0, y = 0] = inputs.subarray(row * width);
    return x > 0.2 + shift ? 0 : y > 0 ? 1 : 2;
  });
  const weights = Float32Array.from({ length: n }, (_, row) => (row % 5 === 0 ? 0.25 : 1));
  return {
    rows: n,
    inputs,
    labels,
    weights,
    groupKeys: labels.map((_, row) => `day ${Math.floor(row / 2)}`),
    folds: labels.map((_, row) => Math.floor(row / 2) % trainFolds),
  };
}

const data: Omit<FitData, "train" | "validation"> & { train: ClassRows; validation: ClassRows } = {
  train: labelled(rows),
  validation: labelled(12),
  start: uniform(random, width * classes),
  classes,
};

// The weighted cross-entropy, summed, in float64: what the gradient is of.
function loss(weights: ArrayLike<number>, { inputs, labels, weights: mass }: ClassRows): number {
  return labels.reduce((sum, label, row) => {
    const logits = Array.from({ length: classes }, (_, c) => {
      let logit = 0;
      for (let i = 0; i < width; i++)
        logit += (inputs[row * width + i] as number) * (weights[i * classes + c] as number);
      return logit;
    });
    const total = Math.log(logits.reduce((all, logit) => all + Math.exp(logit), 0));
    return sum + (mass[row] as number) * (total - (logits[label] as number));
  }, 0);
}

function oneHot(labels: number[]): Float32Array {
  return Float32Array.from(labels.flatMap((label) => Array.from({ length: classes }, (_, c) => Number(c === label))));
}

describe("the softmax head's gradient", () => {
  it("equals finite differences of the loss", () => {
    const { inputs, labels, weights } = data.train;
    const gradient = softmaxGradient(data.start, { rows, inputs, targets: oneHot(labels), weights }, classes);
    const h = 1e-5;
    gradient.forEach((slope, i) => {
      const moved = (by: number) => Float64Array.from(data.start, (value, j) => value + (i === j ? by : 0));
      const difference = (loss(moved(h), data.train) - loss(moved(-h), data.train)) / (2 * h);
      expect(slope).toBeCloseTo(difference, 3);
    });
  });

  it("adds up over parts of the rows", () => {
    const { inputs, labels, weights } = data.train;
    const part = (from: number, to: number) =>
      softmaxGradient(
        data.start,
        {
          rows: to - from,
          inputs: inputs.subarray(from * width, to * width),
          targets: oneHot(labels.slice(from, to)),
          weights: weights.subarray(from, to),
        },
        classes,
      );
    const [whole, first, second] = [part(0, rows), part(0, 11), part(11, rows)];
    whole.forEach((sum, i) => void expect(sum).toBeCloseTo((first[i] as number) + (second[i] as number), 4));
  });
});

describe("the optimiser", () => {
  it("takes the steps of Adam's paper, in float64", () => {
    const [mass, l2] = [7, 0.3];
    const gradients = Array.from({ length: 4 }, () => uniform(random, data.start.length, -5, 5));
    const states = [startSoftmax(data.start)];
    for (const gradient of gradients) {
      states.push(softmaxStep(states.at(-1) as SoftmaxState, gradient, mass, data.start, l2));
    }
    data.start.forEach((start, i) => {
      let [weight, first, second] = [start, 0, 0];
      gradients.forEach((gradient, t) => {
        const slope = (gradient[i] as number) / mass + l2 * (weight - start);
        first = 0.9 * first + 0.1 * slope;
        second = 0.999 * second + 0.001 * slope * slope;
        const [m, v] = [first / (1 - 0.9 ** (t + 1)), second / (1 - 0.999 ** (t + 1))];
        weight -= (softmaxSettings.learningRate * m) / (Math.sqrt(v) + 1e-8);
        expect(states[t + 1]?.weights[i]).toBeCloseTo(weight, 4);
      });
    });
  });

  it("reaches the minimum of the penalised loss, where the gradient is zero", () => {
    const l2 = 0.05;
    const { inputs, labels, weights } = data.train;
    const batch = { rows, inputs, targets: oneHot(labels), weights };
    const mass = weights.reduce((a, b) => a + b);
    let state = startSoftmax(data.start);
    const before = loss(state.weights, data.train) / mass;
    for (let i = 0; i < 800; i++)
      state = softmaxStep(state, softmaxGradient(state.weights, batch, classes), mass, data.start, l2);
    const slope = softmaxGradient(state.weights, batch, classes);
    slope.forEach((value, i) => {
      const pull = l2 * ((state.weights[i] as number) - (data.start[i] as number));
      expect(Math.abs(value / mass + pull)).toBeLessThan(2e-3);
    });
    expect(loss(state.weights, data.train) / mass).toBeLessThan(before);
  });
});

describe("a fit in slices", () => {
  it("gives the same bits in slices of any size, stored as text in between, as without slices", () => {
    // More rows than go through at once, so that slices end inside an iteration too.
    const large: FitData = { ...data, train: labelled(1_500) };
    const whole = continueFit(large, startFit(large), Number.POSITIVE_INFINITY);
    expect(isFitted(large, whole)).toBe(true);
    for (const slice of [1, 90_000, 2_000_000]) {
      let state = startFit(large);
      let slices = 0;
      let cutInside = false;
      for (; !isFitted(large, state); slices++) {
        state = unpack<FitState>(pack(continueFit(large, state, slice)));
        cutInside ||= state.row > 0;
      }
      expect(slices).toBeGreaterThan(1);
      expect(cutInside).toBe(true);
      expect(state).toEqual(whole);
    }
  });

  it("is stored exactly, in the middle and at the end of a fit, and read as an earlier release stored it", () => {
    const asText = (state: object) =>
      JSON.stringify(state, (_, value) => (value instanceof Float32Array ? { float32: Array.from(value) } : value));
    for (const multiplyAdds of [1, 50_000, Number.POSITIVE_INFINITY]) {
      const state = continueFit(data, startFit(data), multiplyAdds);
      expect(unpack<FitState>(pack(state))).toEqual(state);
      expect(unpack<FitState>(asText(state))).toEqual(state);
    }
  });

  it("without validation keeps the prior strength that is best on the rows left out, then fits all rows", () => {
    const folds = data.train.folds.map((_, row) => row % crossFitFolds);
    const mayJudge = folds.map((_, row) => row % 7 !== 0);
    const train = { ...data.train, folds, mayJudge };
    const few: FitData = { ...data, train, validation: { ...train, rows: 0, labels: [] }, crossFits: true };
    const { best, crossFitted } = continueFit(few, startFit(few), Number.POSITIVE_INFINITY);
    const without = (fold: number, pull: number) =>
      byHand(
        pull,
        train.weights.map((weight, row) => (folds[row] === fold ? 0 : weight)),
      );
    const heads = softmaxSettings.pulls.map((pull) =>
      Array.from({ length: crossFitFolds }, (_, fold) => without(fold, pull)),
    );
    const judged = mayJudge.filter(Boolean).length;
    const losses = heads.map((ofPull) => {
      const sums = ofPull.map((head, fold) => {
        const weights = Float32Array.from(folds, (own, row) => Number(own === fold && mayJudge[row]));
        return loss(head, { ...train, weights });
      });
      return sums.reduce((sum, one) => sum + one, 0) / judged;
    });
    const lowest = losses.findIndex((one, i) => !((losses[i + 1] ?? Number.POSITIVE_INFINITY) < one));
    expect(best?.pull).toBe(softmaxSettings.pulls[lowest]);
    expect(best?.validationLogLoss).toBeCloseTo(losses[lowest] as number, 6);
    expect(crossFitted).toEqual(heads[lowest]);
    expect(best?.weights).toEqual(byHand(best?.pull as number, train.weights));
  });

  it("weights its rows: a row of zero weight has no effect", () => {
    const { train } = data;
    const weights = train.weights.map((weight, row) => (row % 2 ? 0 : weight));
    const labels = train.labels.map((label, row) => (row % 2 ? (label + 1) % classes : label));
    const fitted = (changed: Partial<ClassRows>) =>
      continueFit({ ...data, train: { ...train, ...changed } }, startFit(data), Number.POSITIVE_INFINITY);
    expect(fitted({ weights, labels })).toEqual(fitted({ weights }));
    expect(fitted({ labels }).best).not.toEqual(fitted({}).best);
  });

  it("keeps the prior strength that is best on validation, and a head for each held-out fold", () => {
    const { best, crossFitted } = continueFit(data, startFit(data), Number.POSITIVE_INFINITY);
    const unweighted = { ...data.validation, weights: new Float32Array(data.validation.rows).fill(1) };
    const heads = softmaxSettings.pulls.map((pull) => byHand(pull, data.train.weights));
    const losses = heads.map((head) => loss(head, unweighted) / unweighted.rows);
    const lowest = losses.indexOf(Math.min(...losses));
    expect(new Set(losses).size).toBe(losses.length);
    expect(best?.pull).toBe(softmaxSettings.pulls[lowest]);
    expect(best?.validationLogLoss).toBeCloseTo(losses[lowest] as number, 6);
    expect(best?.weights).toEqual(heads[lowest]);
    const { folds } = data.train;
    const leftOut = Array.from({ length: trainFolds }, (_, fold) =>
      byHand(
        best?.pull as number,
        data.train.weights.map((weight, row) => (folds[row] === fold ? 0 : weight)),
      ),
    );
    expect(crossFitted).toEqual(leftOut);
  });

  it("does not depend on the scale of the embeddings", () => {
    const factor = 256;
    const times = (head: Float32Array, by: number) =>
      head.map((weight, i) => (i < head.length - classes ? weight * by : weight));
    const larger = (from: LabelledRows) => ({
      ...from,
      inputs: from.inputs.map((value, i) => (i % width < width - 1 ? value * factor : value)),
    });
    const inOther: FitData = {
      train: larger(data.train),
      validation: larger(data.validation),
      start: times(data.start, 1 / factor),
      classes,
    };
    const fitted = (of: FitData) => continueFit(of, startFit(of), Number.POSITIVE_INFINITY);
    const [one, other] = [fitted(data), fitted(inOther)];
    expect(other.best?.validationLogLoss).toBe(one.best?.validationLogLoss);
    expect(other.best?.weights).toEqual(times(one.best?.weights as Float32Array, 1 / factor));
    expect(other.crossFitted).toEqual(one.crossFitted.map((head) => times(head, 1 / factor)));
  });

  it("changes only the bias where every embedding is zero", () => {
    const inputs = data.train.inputs.map((value, i) => (i % width < width - 1 ? 0 : value));
    const dead: FitData = { ...data, train: { ...data.train, inputs }, start: new Float32Array(width * classes) };
    const { best } = continueFit(dead, startFit(dead), Number.POSITIVE_INFINITY);
    const features = (width - 1) * classes;
    expect(best?.weights.subarray(0, features)).toEqual(new Float32Array(features));
    expect(best?.weights.subarray(features).every(Number.isFinite)).toBe(true);
    expect(best?.weights.subarray(features)).not.toEqual(new Float32Array(classes));
  });

  // The same fit as one plain loop, on embeddings four times as long: the length that its settings are for.
  function byHand(pull: number, weights: Float32Array): Float32Array {
    const isBias = (i: number) => i >= data.start.length - classes;
    const inputs = data.train.inputs.map((value, i) => (i % width < width - 1 ? value * 4 : value));
    const start = data.start.map((weight, i) => (isBias(i) ? weight : weight / 4));
    const batch = { rows, inputs, targets: oneHot(data.train.labels), weights };
    const mass = weights.reduce((a, b) => a + b);
    let state = startSoftmax(start);
    for (let i = 0; i < softmaxSettings.iterations; i++) {
      state = softmaxStep(state, softmaxGradient(state.weights, batch, classes), mass, start, pull / mass);
    }
    return state.weights.map((weight, i) => (isBias(i) ? weight : weight * 4));
  }
});
