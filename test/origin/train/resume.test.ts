import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Checkpoints, type TrainingState } from "#origin/train/checkpoint.ts";
import { seeded } from "#test/helpers/random.ts";

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
