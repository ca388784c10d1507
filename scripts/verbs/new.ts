import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { type Command, Option } from "commander";
import { type Plan, planRecipe } from "#origin/recipes/plan.ts";
import { describePlan } from "../local/describe-plan.ts";
import { printResult, rowReporter } from "../local/output.ts";
import { schemaPath } from "../local/project.ts";
import { formatRecipe } from "../local/recipe-file.ts";
import { checkName, numberParser, UsageError } from "../local/usage.ts";
import { startWithLabels } from "./new-from-labels.ts";

interface Options {
  labels?: string;
  label?: string;
  region?: string;
  anyRegion?: boolean;
  time?: string;
  task?: "classify" | "regress";
  tolerance?: number;
  unit?: string;
  repair?: boolean;
  force?: boolean;
  json?: boolean;
}

/** `upriver new`: makes a recipe for a table or a folder of images. */
export function newVerb(program: Command): void {
  program
    .command("new")
    .description(
      "make a recipe from your data: a CSV, TSV, JSON lines or Parquet file, or a folder of images by label; or from labels alone",
    )
    .argument("<name>", "the name of the model")
    .argument("[source]", "the file (gzipped or not), its URL, or the folder; none with --labels")
    .option("--label <column>", "what to predict (images: the name of their folder)")
    .option(
      "--labels <file>",
      "start without data: a JSON file of labels with descriptions; a decision model answers first and teaches the edge",
    )
    .option(
      "--region <column>",
      "the group that a question belongs to: a store, a site, a tenant (default: one region)",
    )
    .option("--any-region", "open a region for each new value of --region")
    .option("--time <column>", "when a row was observed; later rows then test what is learned from earlier ones")
    .addOption(
      new Option(
        "--task <task>",
        "what to predict (default: numbers, where the label has many different ones)",
      ).choices(["classify", "regress"]),
    )
    .option(
      "--tolerance <number>",
      "numbers: how far an answer may be from the truth (default: half a standard deviation)",
      numberParser("--tolerance", { above: 0 }),
    )
    .option("--unit <text>", "numbers: what they count, such as °C")
    .option("--repair", "repair in the recipe what can be: spellings of labels, labels with too few rows")
    .option("--force", "replace an existing recipe")
    .option("--json", "print one JSON object instead of text")
    .addHelpText(
      "after",
      "\nExamples:\n  npx upriver new heart heart.csv --label disease --region hospital" +
        "\n  npx upriver new heat days.csv --label maximum --tolerance 3 --unit °C --region station --time day" +
        "\n  npx upriver new tickets --labels labels.json",
    )
    .action(run);
}

async function run(name: string, source: string | undefined, options: Options, command: Command): Promise<void> {
  checkName(name);
  const folder = process.cwd();
  const path = join(folder, `${name}.recipe.json`);
  if (existsSync(path) && !options.force) {
    throw new Error(`${relative(folder, path)} exists already. Edit it, or add --force to replace it.`);
  }
  if (options.labels !== undefined) return startWithLabels({ name, source, path, folder }, options, command);
  if (source === undefined) {
    throw new UsageError("Missing argument: <source>. Without data, name the labels: --labels labels.json");
  }
  const plan = await planRecipe({ name, source, folder, ...options, onRows: rowReporter(source) });
  await writeFile(path, formatRecipe({ $schema: schemaPath(folder), ...plan.document }));
  printResult(options.json, { recipe: path, ...resultOf(plan) }, () => describePlan(plan, source));
}

function resultOf({ columns, ...plan }: Plan) {
  return { ...plan, columns: columns.map(({ warnings: _, ...column }) => column) };
}
