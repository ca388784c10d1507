import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTraining } from "#origin/backend/index.ts";
import { Checkpoints, type TrainingState } from "#origin/train/checkpoint.ts";
import { fitNetwork } from "#origin/train/fit.ts";
import { seeded } from "#test/helpers/random.ts";
import { trainingSet } from "#test/helpers/training-set.ts";

const child = join(import.meta.dirname, "../../helpers/train-child.ts");
const kills = 3;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-resume-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the child, and kills it after so many progress reports. Returns its result; null when it was killed. */
function runChild(args: string[], killAfter = Number.POSITIVE_INFINITY): Promise<object | null> {
  const training = spawn(process.execPath, [child, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve) => {
    let output = "";
    training.stdout.on("data", (chunk) => {
      output += chunk;
      if ((output.match(/\./g)?.length ?? 0) >= killAfter) training.kill("SIGKILL");
    });
    training.on("close", (code) => resolve(code === 0 ? JSON.parse(output.trimEnd().split("\n").at(-1) ?? "") : null));
  });
}

async function trainWithKills(checkpoints: string): Promise<object | null> {
  const random = seeded(Date.now() % 1_000);
  for (let kill = 0; kill < kills; kill++) {
    expect(await runChild([checkpoints], 2 + Math.floor(random() * 3))).toBeNull();
    expect((await readdir(checkpoints)).length).toBeGreaterThan(0);
  }
  return runChild([checkpoints]);
}

describe("a training", () => {
  it("that is killed at three random moments ends with the bits of one that was not", async () => {
    const [whole, killed] = await Promise.all([runChild([]), trainWithKills(join(folder, "killed"))]);
    expect(whole).not.toBeNull();
    expect(killed).toEqual(whole);
  });
});

describe("a checkpoint of version 0.2", () => {
  // This training's fingerprint there, whose kernels computed other bits.
  const fingerprint = "ccb39362a65d579fd522115b4e154e7e71e57783cdd28eeb667fa551f481070a";

  it("is not continued: the training starts over", async () => {
    await startTraining("wasm");
    const set = trainingSet([2], Float32Array.of(0, 1, 1, 0, 0.5, 0.5, 1, 1), Int32Array.of(0, 1, 0, 1));
    const plan = {
      ...{ epochs: 2, patience: 2, batchSize: 2, learningRate: 0.01, seed: 5, distil: 0, distilTemperature: 1, l2: 0 },
      ...{ regionDropout: 0, augment: null, regionalHeads: null, weightDecay: 0, dropout: 0, classWeights: null },
    };
    const form = { kind: "linear" as const, layers: [] };
    const checkpoints = new Checkpoints(join(folder, "earlier"));
    const [scalars, kernel, bias] = [[1], [9, 9, 9, 9], [9, 9]].map((values) => Float32Array.from(values)) as [
      ...[Float32Array, Float32Array, Float32Array],
    ];
    await checkpoints.write("network", {
      state: {
        ...{ fingerprint, isFinished: false, epoch: 1, step: 0, lossSum: 0, waited: 0, bestLoss: 0.01 },
        ...{ history: [], seconds: 1 },
      },
      values: {
        variables: [kernel, bias],
        optimizer: [scalars, scalars, kernel, bias, kernel, bias],
        best: [kernel, bias],
      },
    });
    const [fresh, found] = [
      await fitNetwork(set, set.data, { form, plan }),
      await fitNetwork(set, set.data, { form, plan, checkpoints }),
    ];
    expect(found.history).toEqual(fresh.history);
    expect(found.validationLoss).toBe(fresh.validationLoss);
  });
});

describe("checkpoints", () => {
  const state: TrainingState = {
    ...{ fingerprint: "one", isFinished: false, epoch: 2, step: 7, lossSum: 0.1 + 0.2, waited: 1, bestLoss: null },
    ...{ history: [{ epoch: 1, loss: 1 / 3, validationLoss: 0.5, learningRate: 0.01 }], seconds: 1.5 },
  };
  const values = { variables: [Float32Array.of(1, -0, 1e-40), Float32Array.of()], best: [Float32Array.of(0.1)] };

  it("are read with the bits that were written", async () => {
    const checkpoints = new Checkpoints(join(folder, "bits"));
    await checkpoints.write("full", { state, values });
    expect(await checkpoints.read("full", "one")).toEqual({ state, values });
  });

  it("are null for another plan or name, when damaged, and after they were cleared", async () => {
    const checkpoints = new Checkpoints(join(folder, "others"));
    await checkpoints.write("full", { state, values });
    expect(await checkpoints.read("full", "two")).toBeNull();
    expect(await checkpoints.read("thin", "one")).toBeNull();
    const [file = ""] = await readdir(join(folder, "others"));
    await writeFile(join(folder, "others", file), "nonsense");
    expect(await checkpoints.read("full", "one")).toBeNull();
    await checkpoints.clear();
    expect(await checkpoints.read("full", "one")).toBeNull();
  });

  it("throw when a file cannot be read", async () => {
    await mkdir(join(folder, "unreadable", "full.checkpoint"), { recursive: true });
    await expect(new Checkpoints(join(folder, "unreadable")).read("full", "one")).rejects.toThrow("(EISDIR)");
  });
});
