import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { storefront } from "#origin/recipes/storefront.ts";
import { Checkpoints, type TrainingState } from "#origin/train/checkpoint.ts";
import { train } from "#origin/train/index.ts";
import { seeded } from "../helpers/random.ts";
import { smallStorefront } from "../helpers/small-storefront.ts";

const child = join(import.meta.dirname, "../helpers/train-child.ts");
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-resume-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the child; killed, without a word, when it has told of its progress so often. Gives its last line, or null. */
function trainUntil(marks: number): Promise<string | null> {
  const process = spawn("node", [child, join(folder, "killed")], { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve) => {
    let said = "";
    process.stdout.on("data", (chunk) => {
      said += chunk;
      if ((said.match(/\./g)?.length ?? 0) >= marks) process.kill("SIGKILL");
    });
    process.on("close", (code) => resolve(code === 0 ? (said.trimEnd().split("\n").at(-1) as string) : null));
  });
}

describe("a training", () => {
  it("that is killed at three random moments ends as one that never was, to the last bit", async () => {
    const { draft, blobs } = await train(smallStorefront(storefront), { backend: "wasm" });
    const random = seeded(Date.now() % 1_000);
    for (let kill = 0; kill < 3; kill++) {
      expect(await trainUntil(2 + Math.floor(random() * 4))).toBeNull();
      expect((await readdir(join(folder, "killed"))).length).toBeGreaterThan(0);
    }
    const ended = JSON.parse((await trainUntil(Number.POSITIVE_INFINITY)) as string);
    expect(ended).toEqual({ metrics: draft.metrics, blobs: [...blobs.keys()].sort() });
  });
});

describe("checkpoints", () => {
  const state: TrainingState = {
    ...{ fingerprint: "one", isFinished: false, epoch: 2, step: 7, lossSum: 0.1 + 0.2, waited: 1, bestLoss: null },
    ...{ history: [{ epoch: 1, loss: 1 / 3, validationLoss: 0.5, learningRate: 0.01 }], seconds: 1.5 },
  };
  const values = { variables: [Float32Array.of(1, -0, 1e-40), Float32Array.of()], best: [Float32Array.of(0.1)] };

  it("come back to the bit", async () => {
    const checkpoints = new Checkpoints(join(folder, "bits"));
    await checkpoints.write("full", { state, values });
    expect(await checkpoints.read("full", "one")).toEqual({ state, values });
  });

  it("of another plan, of another name, or broken, are none", async () => {
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
});
