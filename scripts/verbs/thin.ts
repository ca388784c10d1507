import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { percent } from "#core/format.ts";
import { type Budget, recipeOf, type WeightType } from "#origin/recipes/index.ts";
import { frontierChart } from "#origin/report/charts.ts";
import { chooseWithin, frontierOf, searchThin, type ThinCandidate } from "#origin/thin/search.ts";
import { Checkpoints } from "#origin/train/checkpoint.ts";
import { assignSplits } from "#origin/train/dataset.ts";
import { baseRows } from "#origin/train/rows.ts";
import { loadArtefact, saveArtefact } from "#origin/train/store.ts";
import { artefactFolder, trainingFolder } from "../local/context.ts";
import { printResult, progressOf, table } from "../local/output.ts";

interface Options {
  bytes?: string;
  ms?: string;
  points?: string;
  widths: string;
  prune: string;
  weights: string;
  before?: string;
  data?: string;
  dryRun?: boolean;
  json?: boolean;
}

/** `upriver thin`: the best thin network within a budget. */
export function thinVerb(program: Command): void {
  program
    .command("thin")
    .description("search a thin network within a budget: width, pruning, weight type; prints the frontier")
    .argument("<recipe>", "one that 'train' has trained: its full network is the teacher")
    .option("--bytes <n>", "bytes to transfer at most (the recipe's budget by default)")
    .option("--ms <n>", "milliseconds a question at most, in the edge's engine on this machine")
    .option("--points <share>", "accuracy that may be lost against full, 0 to 1")
    .option("--widths <list>", "factors on the recipe's widths", "0.5,0.75,1")
    .option("--prune <list>", "shares of each kernel that are set to zero", "0,0.5")
    .option("--weights <list>", "how weights are stored", "float16,uint8")
    .option("--before <date>", "train on what is before this day alone, as 'train' did")
    .option("--data <file>", "read the recipe's data from this file or folder")
    .option("--dry-run", "search only: the trained model keeps the thin network that it has")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  npx upriver thin fashion --bytes 60000 --points 0.015")
    .action(run);
}

async function run(name: string, options: Options): Promise<void> {
  const recipe = recipeOf(name);
  const folder = artefactFolder(name);
  const rows = await baseRows(recipe, { before: options.before, file: options.data });
  const checkpoints = new Checkpoints(`${trainingFolder(name)}-thin`);
  const bar = progressOf(`thinning ${name}`, 1);
  const { candidates, full, adopt } = await searchThin(
    recipe,
    await assignSplits(recipe, rows),
    await loadArtefact(folder),
    {
      widths: numbers("--widths", options.widths),
      prunes: numbers("--prune", options.prune),
      weights: options.weights.split(",") as WeightType[],
      ...{ backend: "auto", checkpoints },
      onProgress: (done, total, note) => bar.update(done / total, note),
    },
  );
  bar.end();
  const budget: Budget = {
    bytes: limitOf("--bytes", options.bytes) ?? recipe.budget.bytes,
    ms: limitOf("--ms", options.ms) ?? recipe.budget.ms,
    accuracy: limitOf("--points", options.points) ?? recipe.budget.accuracy,
  };
  const frontier = frontierOf(candidates);
  const chosen = chooseWithin(candidates, budget, full);
  const plot = join(folder, "frontier.svg");
  const points = candidates.map((candidate) => ({
    ...{ name: nameOf(candidate), bytes: candidate.bytes, accuracy: candidate.accuracy },
    ...{ isOnFrontier: frontier.includes(candidate), isChosen: candidate === chosen },
  }));
  await writeFile(plot, await frontierChart(points, budget.bytes));
  if (chosen && !options.dryRun) await saveArtefact(folder, await adopt(chosen));
  await checkpoints.clear();
  printResult(options.json, { recipe: name, budget, full, candidates, frontier, chosen, plot }, () => {
    const bySize = [...candidates].sort((a, b) => a.bytes - b.bytes);
    const lines = bySize.map((candidate) => lineOf(candidate, full.accuracy, frontier, chosen));
    const columns = ["", "network", "kB", "kB gzipped", "ms", "accuracy", "lost", "log-loss"];
    const end = chosen
      ? `${nameOf(chosen)} is the most accurate within the budget${options.dryRun ? "" : `, and the thin network in ${folder} now`}.`
      : "Nothing is within the budget: allow more, or search other --widths.";
    return `${table([columns, ...lines])}\n(f: on the frontier; full has ${percent(full.accuracy)}) Plot: ${plot}\n${end}`;
  });
  if (!chosen) process.exitCode = 1;
}

function lineOf(
  candidate: ThinCandidate,
  full: number,
  frontier: readonly ThinCandidate[],
  chosen: ThinCandidate | null,
) {
  const { bytes, gzippedBytes, ms, accuracy, logLoss } = candidate;
  return [
    candidate === chosen ? "→" : frontier.includes(candidate) ? "f" : "",
    ...[nameOf(candidate), (bytes / 1000).toFixed(1), (gzippedBytes / 1000).toFixed(1), ms.toFixed(2)],
    ...[percent(accuracy), percent(full - accuracy), logLoss.toFixed(4)],
  ];
}

function nameOf({ width, prune, weights }: ThinCandidate): string {
  return `×${width}${prune > 0 ? `, ${Math.round(100 * prune)}% pruned` : ""}, ${weights}`;
}

function numbers(option: string, list: string): number[] {
  return list.split(",").map((text) => limitOf(option, text) as number);
}

function limitOf(option: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new Error(`Error in thin: ${option} must be a number of 0 or more, but is '${text}'.`);
}
