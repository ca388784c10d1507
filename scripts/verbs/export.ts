import type { Command } from "commander";
import { exportSet } from "#origin/export/index.ts";
import { printResult } from "../local/output.ts";
import { recipeFor } from "../local/recipe.ts";
import { type TrainingSetOptions, trainingSet, trainingSetOptions } from "../local/training-set.ts";

interface Options extends TrainingSetOptions {
  out: string;
  json?: boolean;
}

/** `upriver export`: writes the training set for training with another tool. */
export function exportVerb(program: Command): void {
  const command = program
    .command("export")
    .description("write a recipe's training set as Parquet, to train with another tool")
    .argument("<recipe>", "the name or the path of a recipe")
    .option("--out <folder>", "output folder", "set");
  trainingSetOptions(command)
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver export weather --out set --samples")
    .action(run);
}

async function run(given: string, { out, json, ...options }: Options, command: Command) {
  const recipe = await recipeFor(given, options.data);
  const { name } = recipe;
  const exported = await exportSet(recipe, await trainingSet(recipe, options, command), out);
  printResult(json, exported, () => {
    const { train, validation, calibration, latest } = exported.rows;
    const next = `npx upriver publish ${name} --full <model.json> --thin <model.json> --input ${out}/input.json`;
    return `${out}/set.parquet: ${train} rows for training, ${validation} for validation, ${calibration} for calibration, ${latest} of the last weeks to test.\nNext: ${next}`;
  });
}
