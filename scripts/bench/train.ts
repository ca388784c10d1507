import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Command } from "commander";
import { type LayerPlan, recipeOf } from "#origin/recipes/index.ts";
import { median } from "../local/median.ts";
import { printResult, table } from "../local/output.ts";
import { bin, root } from "../local/process.ts";

interface Options {
  seconds: string;
  rounds: string;
  json?: boolean;
}

/** What every contender trains: the full network of `fashion`, on random images. */
export interface TrainBench {
  batch: number;
  shape: number[];
  layers: LayerPlan[];
  classes: number;
  learningRate: number;
  rows: number;
}

/** A process that trains when it is told to. */
interface Contender {
  name: string;
  on: string;
  isSoftware: boolean;
  child: ChildProcess;
  /** Its answers, a line each. */
  lines: AsyncIterator<string>;
}

interface Result {
  name: string;
  /** The adapter or device; or why the contender is not there. */
  on: string;
  isGpu: boolean;
  examplesPerSecond: number | null;
}

const { full, labels, training } = recipeOf("fashion");
const bench: TrainBench = {
  ...{ batch: training.batchSize, shape: [28, 28, 1], layers: full.layers, classes: labels.length },
  ...{ learningRate: training.learningRate, rows: 4_096 },
};

/** `bench train`: a training on WASM, on WebGPU and in PyTorch. */
export function trainBench(program: Command): void {
  program
    .command("train")
    .description("examples a second of one network on WASM, on WebGPU, and in PyTorch where python3 has it")
    .option("--seconds <n>", "how long each trains at a time", "4")
    .option("--rounds <n>", "how often they take turns; medians are printed", "3")
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ seconds, rounds, json }: Options): Promise<void> {
  const order = JSON.stringify(bench);
  const trainee = join(root, "scripts/bench/trainee.ts");
  const started = [
    await start("TensorFlow.js on WASM", bin("node"), [trainee, "wasm", order]),
    await start("TensorFlow.js on WebGPU", bin("node"), [trainee, "webgpu", order]),
    await start("PyTorch", "python3", [join(root, "scripts/bench/trainee.py"), order]),
  ];
  const contenders = started.filter(isThere);
  const figures = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  // The first turn warms up: shaders and code are compiled in it.
  for (let round = 0; round <= Number(rounds); round++) {
    for (const one of contenders) {
      one.child.stdin?.write(`${round === 0 ? 1 : seconds}\n`);
      const { examplesPerSecond } = await answerOf(one.lines);
      if (round > 0) figures.get(one.name)?.push(examplesPerSecond);
    }
  }
  for (const { child } of contenders) child.stdin?.end();
  const results = started.map((one): Result => {
    const known = figures.get(one.name);
    const isGpu = isThere(one) && !one.isSoftware && one.on !== "CPU";
    return { name: one.name, on: one.on, isGpu, examplesPerSecond: known ? median(known) : null };
  });
  const [wasm] = results;
  printResult(json, { bench, results }, () =>
    table([
      ["float32, batches of 64", "on", "examples a second", "of WASM"],
      ...results.map(({ name, on, isGpu, examplesPerSecond: own }) => [
        ...[name, `${on}${isGpu || own === null || on === "CPU" ? "" : " (a program: no GPU's figure)"}`],
        ...[own === null ? null : Math.round(own)],
        own === null ? null : (own / (wasm?.examplesPerSecond ?? own)).toFixed(2),
      ]),
    ]),
  );
}

function isThere(one: Contender | { name: string; on: string }): one is Contender {
  return "child" in one;
}

async function start(name: string, command: string, args: string[]): Promise<Contender | { name: string; on: string }> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "ignore"] });
  const failed = once(child, "error").then(([error]) => ({ missing: String(error) }));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await Promise.race([answerOf(lines), failed]);
  if ("missing" in first) return { name, on: `not there: ${first.missing}` };
  return { name, on: first.ready, isSoftware: first.isSoftware, child, lines };
}

async function answerOf(lines: AsyncIterator<string>) {
  const { value, done } = await lines.next();
  if (done) throw new Error("Error in bench train: a contender ended before it was done; run it alone to see why.");
  return JSON.parse(value);
}
