import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { percent } from "#core/format.ts";
import { type Budget, type WeightType, weightTypes } from "#origin/recipes/index.ts";
import { frontierChart } from "#origin/report/charts.ts";
import { chooseWithin, frontierOf, searchThin, type ThinCandidate } from "#origin/thin/search.ts";
import { Checkpoints } from "#origin/train/checkpoint.ts";
import { baseRows } from "#origin/train/rows.ts";
import { assignSplits } from "#origin/train/splits.ts";
import { loadArtefact, saveArtefact } from "#origin/train/store.ts";
import { artefactFolder, trainingFolder } from "../local/context.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { recipeFor } from "../local/recipe.ts";
import { choiceListParser, dayParser, numberListParser, numberParser } from "../local/usage.ts";

interface Options {
  bytes?: number;
  ms?: number;
  points?: number;
  widths: number[];
  prune: number[];
  weights: WeightType[];
  before?: string;
  data?: string;
  dryRun?: boolean;
  json?: boolean;
}

/** `upriver thin`: searches the most accurate thin network within a budget. */
export function thinVerb(program: Command): void {
  program
    .command("thin")
    .description("search a thin network within a budget over width, pruning and weight type")
    .argument("<recipe>", "a recipe that 'train' has trained; its full network is the teacher")
    .option("--bytes <n>", "most bytes to transfer (default: the recipe's)", numberParser("--bytes", { atLeast: 0 }))
    .option("--ms <n>", "most milliseconds per question on this machine", numberParser("--ms", { atLeast: 0 }))
    .option(
      "--points <share>",
      "accuracy that may be lost against the full network",
      numberParser("--points", { atLeast: 0, atMost: 1 }),
    )
    .option(
      "--widths <list>",
      "factors on the recipe's widths",
      numberListParser("--widths", { above: 0 }),
      [0.5, 0.75, 1],
    )
    .option(
      "--prune <list>",
      "shares of each kernel to set to zero",
      numberListParser("--prune", { atLeast: 0, below: 1 }),
      [0, 0.5],
    )
    .option("--weights <list>", "weight types to try", choiceListParser("--weights", weightTypes), ["float16", "uint8"])
    .option("--before <date>", "use only data before this day, as for 'train'", dayParser("--before"))
    .option("--data <file>", "file or folder of the recipe's data")
    .option("--dry-run", "search without replacing the thin network of the trained model")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver thin fashion --bytes 60000 --points 0.015")
    .action(run);
}

async function run(given: string, options: Options): Promise<void> {
  const recipe = await recipeFor(given, options.data);
  const { name } = recipe;
  const folder = artefactFolder(name);
  const rows = await baseRows(recipe, { before: options.before, file: options.data });
  const checkpoints = new Checkpoints(`${trainingFolder(name)}-thin`);
  const bar = showProgress(`thinning ${name}`, 1);
  const { candidates, full, adopt } = await searchThin(recipe, assignSplits(recipe, rows), await loadArtefact(folder), {
    widths: options.widths,
    prunes: options.prune,
    weights: options.weights,
    ...{ backend: "auto", checkpoints },
    onProgress: (done, total, note) => bar.update(done / total, note),
  });
  bar.end();
  const budget: Budget = {
    bytes: options.bytes ?? recipe.budget.bytes,
    ms: options.ms ?? recipe.budget.ms,
    accuracy: options.points ?? recipe.budget.accuracy,
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
      ? `${nameOf(chosen)} is the most accurate within the budget${options.dryRun ? "" : `; it is now the thin network in ${folder}`}.`
      : "No network is within the budget. Raise --bytes, --ms or --points, or try other --widths.";
    return `${formatTable([columns, ...lines])}\nf: on the frontier; accuracy of the full network: ${percent(full.accuracy)}\nPlot: ${plot}\n${end}`;
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
