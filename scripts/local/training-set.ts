import type { Command } from "commander";
import type { UpriverClient } from "#client/index.ts";
import type { SampleLine } from "#core/contract/index.ts";
import { mixSamples } from "#origin/learn/mix.ts";
import type { Recipe } from "#origin/recipes/index.ts";
import { baseRows } from "#origin/train/rows.ts";
import { assignSplits, type RowsBySplit } from "#origin/train/splits.ts";
import { clientFor } from "./context.ts";
import { dayParser } from "./usage.ts";

/** The options that select a training set; `export` and `publish` share them, so that both mean the same rows. */
export interface TrainingSetOptions {
  before?: string;
  data?: string;
  samples?: boolean;
}

/** Adds the options that select a training set to a command. */
export function trainingSetOptions(command: Command): Command {
  return command
    .option("--before <date>", "use only data before this day (default: the recipe's)", dayParser("--before"))
    .option("--data <file>", "file or folder of the recipe's data")
    .option("--samples", "add the labelled samples of all regions");
}

/** Loads a recipe's rows in splits, with the regions' samples if `samples` is set. */
export async function trainingSet(
  recipe: Recipe,
  { before, data, samples }: TrainingSetOptions,
  command: Command,
): Promise<RowsBySplit> {
  const learned = samples ? await samplesOf(await clientFor(command, "publish"), recipe.name) : [];
  const base = await baseRows(recipe, { before, file: data });
  const until = before === undefined ? undefined : Date.parse(before);
  return assignSplits(recipe, mixSamples(recipe, base, learned, until));
}

async function samplesOf(client: UpriverClient, model: string): Promise<SampleLine[]> {
  const lines: SampleLine[] = [];
  let cursor: string | undefined;
  for (let more = true; more; ) {
    const page = await client.samples(model, cursor);
    lines.push(...page.lines);
    ({ cursor, more } = page);
  }
  return lines;
}
