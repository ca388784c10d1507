import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import type { NetworkPlan, Recipe } from "#origin/recipes/index.ts";
import { readTorchSettings } from "#origin/torch/settings.ts";
import { torchTrainer } from "#origin/torch/trainer.ts";
import { trainOn } from "#origin/train/index.ts";
import { baseRows, sampleRows } from "#origin/train/rows.ts";
import { assignSplits } from "#origin/train/splits.ts";
import { median } from "../local/median.ts";
import { formatTable, printResult, rowReporter } from "../local/output.ts";
import { recipeFor } from "../local/recipe.ts";
import { numberParser } from "../local/usage.ts";

interface Options {
  rows: number;
  epochs?: number;
  seeds: number;
  processes: number[];
  json?: boolean;
}

/** A whole training: of full, then of thin. */
interface Run {
  trainer: string;
  seed: number;
  computedBy: string;
  networks: { name: string; logLoss: number; accuracy: number; examplesPerSecond: number }[];
}

/** `bench trainers`: trains one recipe with each trainer in turn, with several seeds. */
export function trainersBench(program: Command): void {
  program
    .command("trainers")
    .description("train a recipe with TensorFlow.js and with PyTorch, in turn, and compare the networks and the speed")
    .argument("<recipe>", "the name or the path of a recipe")
    .option("--rows <n>", "how many rows are used", numberParser("--rows", { atLeast: 100, isWhole: true }), 10_000)
    .option("--epochs <n>", "epochs (default: the recipe's)", numberParser("--epochs", { atLeast: 1, isWhole: true }))
    .option("--seeds <n>", "how many seeds", numberParser("--seeds", { atLeast: 1, isWhole: true }), 3)
    .option("--processes <n...>", "numbers of processes of PyTorch", (value, all: number[] = []) => [
      ...all,
      numberParser("--processes", { atLeast: 1, isWhole: true })(value),
    ])
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run(name: string, { rows, epochs, seeds, processes = [1], json }: Options): Promise<void> {
  const recipe = withPlan(await recipeFor(name), epochs);
  const all = sampleRows(await baseRows(recipe, { onRows: rowReporter(name) }), rows);
  const runs: Run[] = [];
  for (let i = 0; i < seeds; i++) {
    const seeded = { ...recipe, training: { ...recipe.training, seed: recipe.training.seed + i } };
    for (const count of [null, ...processes]) {
      const measured = await trainOnce(seeded, all, count);
      runs.push(measured);
      console.error(`${measured.trainer}, seed ${measured.seed}: ${describeNetworks(measured)}`);
    }
  }
  printResult(json, { recipe: name, rows: all.length, runs }, () => {
    const header = ["trainer", "network", "log-loss by seed", "mean", "accuracy by seed", "examples per second"];
    return formatTable([header, ...summarised(runs)]);
  });
}

/** @param processes of PyTorch; null for TensorFlow.js */
async function trainOnce(
  recipe: Recipe,
  rows: Parameters<typeof assignSplits>[1],
  processes: number | null,
): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-trainers-"));
  try {
    const trainer =
      processes === null ? undefined : torchTrainer({ ...readTorchSettings(process.env), processes }, folder);
    // The splits do not depend on the seed.
    const splits = assignSplits(recipe, rows);
    const { draft, result } = await trainOn(recipe, splits, { backend: "wasm", trainer });
    const networks = result.networks.map(({ name, history, seconds }) => {
      const { logLoss, accuracy } = (name === "thin" ? draft.metrics.thin : draft.metrics.full) ?? draft.metrics.thin;
      const examplesPerSecond = (splits.train.length * history.length) / seconds;
      return { name, logLoss, accuracy: accuracy ?? Number.NaN, examplesPerSecond };
    });
    const several = processes === 1 ? "" : `, ${processes} processes`;
    return {
      trainer: processes === null ? "tfjs" : `torch${several}`,
      seed: recipe.training.seed,
      ...{ computedBy: result.backend, networks },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function withPlan(recipe: Recipe, epochs: number | undefined): Recipe {
  const { training, ...rest } = recipe;
  const change = epochs === undefined ? {} : { epochs };
  // One network of each: times of several candidates do not add up to epochs.
  const single = ({ rivals, ...network }: NetworkPlan): NetworkPlan => {
    const { training: own, ...form } = network.kind === "linear" ? (rivals.find(isNetwork) ?? network) : network;
    return { ...network, ...form, rivals: [], training: { ...network.training, ...own, ...change } };
  };
  return { ...rest, training: { ...training, ...change }, thin: single(recipe.thin), full: single(recipe.full) };
}

function isNetwork({ kind }: Pick<NetworkPlan, "kind">): boolean {
  return kind === "network";
}

function summarised(runs: readonly Run[]): string[][] {
  const trainers = [...new Set(runs.map(({ trainer }) => trainer))];
  return trainers.flatMap((trainer) =>
    ["full", "thin"].map((name) => {
      const own = runs
        .filter((run) => run.trainer === trainer)
        .flatMap(({ networks }) => networks.filter((n) => n.name === name));
      const losses = own.map(({ logLoss }) => logLoss);
      const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
      return [
        ...[trainer, name, losses.map((loss) => loss.toFixed(4)).join(" "), mean.toFixed(4)],
        own.map(({ accuracy }) => accuracy.toFixed(4)).join(" "),
        Math.round(median(own.map((one) => one.examplesPerSecond))).toLocaleString("en"),
      ];
    }),
  );
}

function describeNetworks({ networks }: Run): string {
  return networks
    .map((one) => `${one.name} ${one.logLoss.toFixed(4)}, ${Math.round(one.examplesPerSecond)} examples a second`)
    .join("; ");
}
