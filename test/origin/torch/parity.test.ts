import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTraining } from "#origin/backend/index.ts";
import type { NetworkForm, TrainingPlan } from "#origin/recipes/index.ts";
import { torchTrainer } from "#origin/torch/trainer.ts";
import type { TrainingSet } from "#origin/train/batches.ts";
import type { Dataset } from "#origin/train/dataset.ts";
import { type FitOptions, fitNetwork } from "#origin/train/fit.ts";
import { prune } from "#origin/train/prune.ts";
import { RowStore } from "#origin/train/row-store.ts";
import { seeded, uniform } from "#test/helpers/random.ts";
import { forkedTorch, torchHere } from "#test/helpers/torch.ts";

const settings = await torchHere();
let folder: string;
let forked: Awaited<ReturnType<typeof forkedTorch>>;
beforeAll(async () => {
  await startTraining("wasm");
  folder = await mkdtemp(join(tmpdir(), "upriver-parity-"));
  if (settings) forked = await forkedTorch(settings, folder);
});
afterAll(async () => {
  forked?.stop();
  await rm(folder, { recursive: true, force: true });
});

const [rows, classes, regions] = [90, 3, 3];
const plan: TrainingPlan = {
  ...{ epochs: 3, patience: 3, batchSize: 16, learningRate: 0.01, seed: 5, distil: 0, distilTemperature: 1, l2: 0 },
  ...{ weightDecay: 0, dropout: 0, classWeights: null, regionDropout: 0, augment: null, regionalHeads: null },
};

interface Case extends Omit<Partial<FitOptions>, "plan"> {
  form: NetworkForm;
  plan?: Partial<TrainingPlan>;
  shapes?: number[][];
  buckets?: (number | null)[];
  /** How much a term counts; about 1 unless given. */
  termWeight?: number;
  hasTeacher?: boolean;
  classWeights?: number[];
  isSoft?: boolean;
}

function datasetOf(one: Case, seed: number): Dataset {
  const { shapes = [[6]], buckets, termWeight = 1 } = one;
  const random = seeded(seed);
  const sizes = shapes.map((shape) => shape.reduce((product, own) => product * own, 1));
  const width = sizes.reduce((sum, own) => sum + own, 0);
  const values = new RowStore(rows, width);
  const labels = Int32Array.from({ length: rows }, () => Math.floor(random() * classes));
  const regionOf = Int32Array.from({ length: rows }, () => Math.floor(random() * (regions + 1)) - 1);
  for (let row = 0; row < rows; row++) {
    const parts = shapes.flatMap((shape, i) => {
      const own = buckets?.[i];
      if (own) return termsOf(shape[1] as number, own, termWeight, random);
      // A second input is the region.
      if (i === 1) return Array.from({ length: regions }, (_, region) => Number(region === regionOf[row]));
      return Array.from(uniform(random, sizes[i] as number, -1, 1), (value) => value + (labels[row] as number) / 2);
    });
    values.write(row, Float32Array.from(parts));
  }
  const regionColumns = shapes.length > 1 && !buckets ? { offset: sizes[0] as number, width: regions } : null;
  return {
    ...{ rows, shapes, values, labels, regions: regionOf, regionCount: regions, regionColumns },
    ...(buckets ? { buckets } : {}),
    ...(one.isSoft ? { soft: Array.from(labels, (label) => softOf(label)) } : {}),
    weights: uniform(random, rows, 0.5, 2),
  };
}

function softOf(label: number) {
  return label === 0 ? { value: 0.25, first: 0, shares: [200, 56] } : { value: label, first: 1, shares: [100, 156] };
}

/** Up to so many n-grams of a row, some rows with none. */
function termsOf(terms: number, buckets: number, weight: number, random: () => number): number[] {
  const count = Math.floor(random() * (terms + 1));
  const fill = (make: () => number) => Array.from({ length: terms }, (_, i) => (i < count ? make() : 0));
  return [...fill(() => Math.floor(random() * buckets)), ...fill(() => weight * (0.1 + random()))];
}

const dense = (...units: number[]) => units.map((own) => ({ type: "dense" as const, units: own }));
const image = [...[[5, 7, 2]], [regions]];
const cases: Record<string, Case> = {
  "a linear network with L2 and class weights": {
    form: { kind: "linear", layers: [] },
    ...{ plan: { l2: 0.01 }, classWeights: [0.5, 1, 2] },
  },
  "a network with dropout, weight decay and a teacher": {
    form: { kind: "network", layers: dense(8, 5) },
    ...{ plan: { dropout: 0.3, weightDecay: 0.1, distil: 0.6, distilTemperature: 2 }, hasTeacher: true },
  },
  "an ensemble with dropout on soft labels": {
    form: { kind: "ensemble", layers: dense(8, 5), members: 3 },
    ...{ plan: { dropout: 0.2, weightDecay: 0.05 }, isSoft: true },
  },
  "convolutions with a stride, pools, shifted images and a region": {
    form: {
      kind: "network",
      layers: [
        { type: "conv", filters: 4, size: 3, stride: 2 },
        { type: "conv", filters: 3, size: 2 },
        { type: "pool", size: 2 },
        ...dense(6),
      ],
    },
    ...{ shapes: image, plan: { augment: { mirror: true, shift: 2 }, regionDropout: 0.3 } },
  },
  "regional heads": {
    form: { kind: "network", layers: dense(6) },
    plan: { regionalHeads: { share: 0.4, l2: 0.01 } },
  },
  "bags of two texts beside columns": {
    form: { kind: "network", layers: [{ type: "bag", units: 4 }, ...dense(6)] },
    ...{ shapes: [[3], [2, 5], [2, 4]], buckets: [null, 50, 20], plan: { dropout: 0.4, weightDecay: 0.02 } },
  },
  "one bag and nothing else": {
    form: { kind: "network", layers: [{ type: "bag", units: 6 }] },
    ...{ shapes: [[2, 6]], buckets: [40], plan: { dropout: 0.5 } },
  },
  "a bag with gradients as small as the ε of AdamW": {
    form: { kind: "network", layers: [{ type: "bag", units: 6 }] },
    ...{ shapes: [[2, 6]], buckets: [40], termWeight: 1e-6 },
  },
};

function setOf(one: Case): [TrainingSet, Dataset] {
  const teacher = one.hasTeacher ? uniform(seeded(9), rows * classes, 0.2, 0.5) : null;
  const classWeights = one.classWeights ? Float32Array.from(one.classWeights) : null;
  return [{ data: datasetOf(one, 1), classes, teacher, classWeights }, datasetOf(one, 2)];
}

function optionsOf(one: Case): FitOptions {
  return { form: one.form, plan: { ...plan, ...one.plan }, ...(one.start ? { start: one.start } : {}) };
}

async function expectSame(own: Awaited<ReturnType<typeof fitNetwork>>, other: typeof own): Promise<void> {
  expect(own.history).toHaveLength(other.history.length);
  for (const [i, { loss, validationLoss, learningRate }] of other.history.entries()) {
    expect(own.history[i]?.loss).toBeCloseTo(loss, 4);
    expect(own.history[i]?.validationLoss).toBeCloseTo(validationLoss, 4);
    expect(own.history[i]?.learningRate).toBeCloseTo(learningRate, 10);
  }
  expect(own.validationLoss).toBeCloseTo(other.validationLoss, 4);
  const valuesOf = ({ network }: typeof own) =>
    [
      ...network.variables.map((one) => one.dataSync<"float32">()),
      ...(network.bags ?? []).map((bag) => bag.values),
    ].map((part) => Array.from(part));
  const [left, right] = [valuesOf(own), valuesOf(other)];
  for (const [i, part] of right.entries()) {
    const furthest = Math.max(...part.map((value, j) => Math.abs(value - (left[i]?.[j] as number))));
    expect(furthest, `variable ${i}`).toBeLessThan(2e-3);
  }
}

describe.skipIf(!settings)("PyTorch gives what TensorFlow.js gives, but for rounding, of", () => {
  const trainerFor = (name: string) => torchTrainer(forked.settings, join(folder, name));

  it.each(Object.keys(cases))("%s", async (name) => {
    const one = cases[name] as Case;
    const [set, validation] = setOf(one);
    const progress: number[] = [];
    const onProgress = ({ epoch }: { epoch: number }) => void progress.push(epoch);
    const torch = await trainerFor(name).fit(set, validation, { ...optionsOf(one), onProgress });
    const wasm = await fitNetwork(set, validation, optionsOf(one));
    await expectSame(torch, wasm);
    expect(progress.length).toBeGreaterThan(0);
    torch.network.dispose();
    wasm.network.dispose();
  });

  it("a pruned network, whose masked weights stay zero", async () => {
    const one: Case = { form: { kind: "network", layers: dense(8, 5) } };
    const [set, validation] = setOf(one);
    const whole = await fitNetwork(set, validation, optionsOf(one));
    const start = await prune(whole.network, 0.5);
    const torch = await trainerFor("pruned").fit(set, validation, { ...optionsOf(one), start });
    const wasm = await fitNetwork(set, validation, { ...optionsOf(one), start });
    await expectSame(torch, wasm);
    expect(Array.from(torch.network.variables[0]?.dataSync() ?? []).filter((value) => value === 0)).toHaveLength(24);
    tf.dispose([...start.weights, ...start.masks.filter((mask) => mask !== null)]);
    for (const { network } of [whole, torch, wasm]) network.dispose();
  });

  it("several processes, each with a part of every batch", async () => {
    const texts = cases["bags of two texts beside columns"] as Case;
    // The last batch has one row: one of the processes has none.
    const one = { ...texts, plan: { ...texts.plan, batchSize: rows - 1 } };
    const [set, validation] = setOf(one);
    const several = { ...(settings as NonNullable<typeof settings>), processes: 2 };
    const torch = await torchTrainer(several, join(folder, "several")).fit(set, validation, optionsOf(one));
    const wasm = await fitNetwork(set, validation, optionsOf(one));
    await expectSame(torch, wasm);
    torch.network.dispose();
    wasm.network.dispose();
  });
});
