import type { Command } from "commander";
import type { UpriverClient } from "#client/index.ts";
import type { SampleLine } from "#core/contract/index.ts";
import { mixSamples } from "#origin/learn/mix.ts";
import type { Recipe } from "#origin/recipes/index.ts";
import type { RowsBySplit } from "#origin/train/dataset.ts";
import { baseRows } from "#origin/train/rows.ts";
import { clientFor } from "./context.ts";

/** What a training set is made of: `export` and `publish` must mean the same rows by the same options. */
export interface TrainingSetOptions {
  before?: string;
  data?: string;
  samples?: boolean;
}

/** The options that say which rows, for a verb. */
export function trainingSetOptions(command: Command): Command {
  return command
    .option("--before <date>", "what is before this day alone (the recipe's own cut by default)")
    .option("--data <file>", "read the recipe's data from this file or folder")
    .option("--samples", "with what the regions of the running ladder learned, each sample once");
}

/** A recipe's rows in splits, with the regions' samples among them where that is asked for. */
export async function trainingSet(
  recipe: Recipe,
  { before, data, samples }: TrainingSetOptions,
  command: Command,
): Promise<RowsBySplit> {
  const learned = samples ? await samplesOf(await clientFor(command, "publish"), recipe.name) : [];
  const base = await baseRows(recipe, { before, file: data });
  return mixSamples(recipe, base, learned, before === undefined ? undefined : Date.parse(before));
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
