import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTraining } from "#origin/backend/index.ts";
import type { TrainingPlan } from "#origin/recipes/index.ts";
import { torchTrainer } from "#origin/torch/trainer.ts";
import { Checkpoints } from "#origin/train/checkpoint.ts";
import type { FitOptions } from "#origin/train/fit.ts";
import { seeded, uniform } from "#test/helpers/random.ts";
import { torchHere } from "#test/helpers/torch.ts";
import { trainingSet } from "#test/helpers/training-set.ts";

const settings = await torchHere();
let folder: string;
beforeAll(async () => {
  await startTraining("wasm");
  folder = await mkdtemp(join(tmpdir(), "upriver-resume-torch-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const [rows, inputs] = [160, 8];
const plan: TrainingPlan = {
  ...{
    epochs: 150,
    patience: 150,
    batchSize: 16,
    learningRate: 0.003,
    seed: 5,
    distil: 0,
    distilTemperature: 1,
    l2: 0,
  },
  ...{ weightDecay: 0.1, dropout: 0.2, classWeights: null, regionDropout: 0, augment: null, regionalHeads: null },
};
const form = { kind: "network" as const, layers: [{ type: "dense" as const, units: 12 }] };
const set = (seed: number) =>
  trainingSet(
    [inputs],
    uniform(seeded(seed), rows * inputs, -1, 1),
    Int32Array.from({ length: rows }, (_, row) => row % 2),
  );

/** The processes that train in a folder; torchrun's own is none. */
async function workersIn(path: string): Promise<number[]> {
  const all = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const own = await Promise.all(
    all.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      return command.includes(path) && !command.includes("torch.distributed.run") ? [Number(pid)] : [];
    }),
  );
  return own.flat();
}

describe.skipIf(!settings || !existsSync("/proc/self/cmdline"))("one of two processes that is killed", () => {
  it("is started again by torchrun, and the training ends as an unbroken one of one process", async () => {
    const trained = async (name: string, processes: number, options: Partial<FitOptions>) => {
      const trainer = torchTrainer({ ...(settings as NonNullable<typeof settings>), processes }, join(folder, name));
      const fitted = await trainer.fit(set(1), set(2).data, { form, plan, ...options });
      const weights = fitted.network.variables.map((variable) => Array.from(variable.dataSync()));
      fitted.network.dispose();
      return { weights, history: fitted.history };
    };
    const whole = await trained("whole", 1, {});
    let killed: Promise<void> | null = null;
    const onProgress = ({ epoch }: { epoch: number }) => {
      if (epoch < 15) return;
      killed ??= workersIn(join(folder, "killed")).then((workers) => {
        expect(workers).toHaveLength(2);
        process.kill(workers[1] as number, "SIGKILL");
      });
    };
    const broken = await trained("killed", 2, { onProgress, checkpoints: new Checkpoints(join(folder, "none"), 0) });
    expect(killed).not.toBeNull();
    await killed;
    expect(broken.history).toHaveLength(whole.history.length);
    for (const [i, part] of whole.weights.entries()) {
      const furthest = Math.max(...part.map((value, j) => Math.abs(value - (broken.weights[i]?.[j] as number))));
      expect(furthest).toBeLessThan(1e-5);
    }
    // Two processes started again after the kill.
    const logs = await readdir(join(folder, "killed", "network", "logs"), { recursive: true });
    expect(logs.filter((path) => path.endsWith("stdout.log")).length).toBe(4);
  });
});
