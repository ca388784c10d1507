import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Command } from "commander";
import { exampleRecipe, type LayerPlan } from "#origin/recipes/index.ts";
import { findPython } from "#origin/torch/python.ts";
import { readTorchSettings } from "#origin/torch/settings.ts";
import { median } from "../local/median.ts";
import { formatTable, printResult } from "../local/output.ts";
import { bin, root } from "../local/process.ts";
import { numberParser } from "../local/usage.ts";

interface Options {
  seconds: number;
  rounds: number;
  json?: boolean;
}

/** What every trainee trains: the full network of `fashion` on random images. */
export interface TrainBench {
  batch: number;
  shape: number[];
  layers: readonly LayerPlan[];
  classes: number;
  learningRate: number;
  rows: number;
}

/** A process that trains on request. */
interface Trainee {
  name: string;
  on: string;
  isSoftware: boolean;
  child: ChildProcess;
  /** Its answers, one per line. */
  lines: AsyncIterator<string>;
}

interface Result {
  name: string;
  /** The adapter or device, or why the trainee is not available. */
  on: string;
  isGpu: boolean;
  examplesPerSecond: number | null;
}

const { full, labels, training } = exampleRecipe("fashion");
const bench: TrainBench = {
  ...{ batch: training.batchSize, shape: [28, 28, 1], layers: full.layers, classes: labels.length },
  ...{ learningRate: training.learningRate, rows: 4_096 },
};

/** `bench train`: measures a training on WASM, on WebGPU and in PyTorch. */
export function trainBench(program: Command): void {
  program
    .command("train")
    .description("measure examples per second of one network on WASM, on WebGPU and in PyTorch if python3 has it")
    .option("--seconds <n>", "duration of each training", numberParser("--seconds", { above: 0 }), 4)
    .option(
      "--rounds <n>",
      "rounds of all; medians are printed",
      numberParser("--rounds", { atLeast: 1, isWhole: true }),
      3,
    )
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ seconds, rounds, json }: Options): Promise<void> {
  const order = JSON.stringify(bench);
  const trainee = join(root, "scripts/bench/trainee.ts");
  const started = [
    await start("TensorFlow.js on WASM", bin("node"), [trainee, "wasm", order]),
    await start("TensorFlow.js on WebGPU", bin("node"), [trainee, "webgpu", order]),
    await start("PyTorch", await pythonHere(), [join(root, "scripts/bench/trainee.py"), order]),
  ];
  const trainees = started.filter(isThere);
  const figures = new Map<string, number[]>(trainees.map(({ name }) => [name, []]));
  // Round 0 warms up: it compiles shaders and code.
  for (let round = 0; round <= rounds; round++) {
    for (const one of trainees) {
      one.child.stdin?.write(`${round === 0 ? 1 : seconds}\n`);
      const { examplesPerSecond } = await answerOf(one.lines);
      if (round > 0) figures.get(one.name)?.push(examplesPerSecond);
    }
  }
  for (const { child } of trainees) child.stdin?.end();
  const results = started.map((one): Result => {
    const known = figures.get(one.name);
    const isGpu = isThere(one) && !one.isSoftware && one.on !== "CPU";
    return { name: one.name, on: one.on, isGpu, examplesPerSecond: known ? median(known) : null };
  });
  const [wasm] = results;
  printResult(json, { bench, results }, () =>
    formatTable([
      ["float32, batches of 64", "on", "examples per second", "relative to WASM"],
      ...results.map(({ name, on, isGpu, examplesPerSecond: own }) => [
        ...[name, `${on}${isGpu || own === null || on === "CPU" ? "" : " (software, not a GPU)"}`],
        ...[own === null ? null : Math.round(own)],
        own === null ? null : (own / (wasm?.examplesPerSecond ?? own)).toFixed(2),
      ]),
    ]),
  );
}

/** The Python that has PyTorch, else one that says that it has not. */
function pythonHere(): Promise<string> {
  return findPython(readTorchSettings(process.env).python).catch(() => "python3");
}

function isThere(one: Trainee | { name: string; on: string }): one is Trainee {
  return "child" in one;
}

async function start(name: string, command: string, args: string[]): Promise<Trainee | { name: string; on: string }> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "ignore"] });
  const failed = once(child, "error").then(([error]) => ({ missing: String(error) }));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await Promise.race([answerOf(lines), failed]);
  if ("missing" in first) return { name, on: `not available: ${first.missing}` };
  return { name, on: first.ready, isSoftware: first.isSoftware, child, lines };
}

async function answerOf(lines: AsyncIterator<string>) {
  const { value, done } = await lines.next();
  if (done) throw new Error("A training process ended early. Run scripts/bench/trainee.ts alone to see why.");
  return JSON.parse(value);
}
