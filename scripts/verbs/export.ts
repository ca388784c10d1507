import type { Command } from "commander";
import type { UpriverClient } from "../../workers/client/index.ts";
import type { SampleLine } from "../../workers/core/contract/index.ts";
import { exportSet } from "../../workers/origin/export/index.ts";
import { mix } from "../../workers/origin/learn/mix.ts";
import { recipeOf, recipes } from "../../workers/origin/recipes/index.ts";
import { baseRows } from "../../workers/origin/train/rows.ts";
import { clientFor } from "../local/context.ts";
import { print } from "../local/output.ts";

interface Options {
  out?: string;
  before?: string;
  data?: string;
  samples?: boolean;
  json?: boolean;
}

/** `upriver export`: the training set, for whoever trains elsewhere. */
export function exportVerb(program: Command): void {
  program
    .command("export")
    .description("write a recipe's training set as Parquet, for a trainer of your own")
    .argument("<recipe>", recipes.map(({ name }) => name).join(", "))
    .option("--out <folder>", "where it goes (set)")
    .option("--before <date>", "what is before this day alone (the recipe's own cut by default)")
    .option("--data <file>", "read the recipe's data from this file or folder")
    .option("--samples", "with what the regions of the running ladder learned, each sample once")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  npx upriver export weather --out set --samples")
    .action(run);
}

async function run(name: string, { out = "set", before, data, samples, json }: Options, command: Command) {
  const recipe = recipeOf(name);
  const learned = samples ? await samplesOf(await clientFor(command, "publish"), name) : [];
  const base = await baseRows(recipe, { before, file: data });
  const folded = await mix(recipe, base, learned, before === undefined ? undefined : Date.parse(before));
  const exported = await exportSet(recipe, folded, out);
  print(json, exported, () => {
    const { train, tune, certify } = exported.rows;
    const next = `npx upriver publish ${name} --full <model.json> --thin <model.json> --input ${out}/input.json`;
    return `${out}/set.parquet: ${train} rows to train on, ${tune} to tune by, ${certify} to certify by.\nThen: ${next}`;
  });
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
