import { readFile, writeFile } from "node:fs/promises";
import { relative } from "node:path";
import type { Command } from "commander";
import { UnreachableError } from "#client/index.ts";
import { count } from "#core/format.ts";
import { startingVersion } from "#origin/learn/from-above.ts";
import { publish } from "#origin/publish.ts";
import { recipeOfDocument } from "#origin/recipes/index.ts";
import { parseLabelList, recipeOfLabels } from "#origin/recipes/label-list.ts";
import { clientFor, signingKey } from "../local/context.ts";
import { printResult } from "../local/output.ts";
import { startCommand } from "../local/process.ts";
import { schemaPath } from "../local/project.ts";
import { formatRecipe } from "../local/recipe-file.ts";
import { UsageError } from "../local/usage.ts";

interface Place {
  name: string;
  source: string | undefined;
  /** The path of the recipe. */
  path: string;
  folder: string;
}

interface Options {
  labels?: string;
  label?: string;
  region?: string;
  time?: string;
  task?: string;
  json?: boolean;
}

/** Makes a recipe from labels alone, and publishes its untrained version to the running ladder where there is one. */
export async function startWithLabels(
  { name, source, path, folder }: Place,
  { labels: file = "", json, ...others }: Options,
  command: Command,
): Promise<void> {
  const surplus = (["label", "region", "time", "task"] as const).find((option) => others[option] !== undefined);
  if (source !== undefined) throw new UsageError(`--labels starts without data. Leave out ${source}, or --labels.`);
  if (surplus)
    throw new UsageError(`--${surplus} is about data, and --labels starts without any. Leave out one of them.`);
  const text = await readFile(file, "utf8").catch(() => {
    throw new Error(`There is no file ${file}. Name a JSON file of labels: --labels labels.json`);
  });
  const labels = parseLabelList(file, text);
  const document = recipeOfLabels(name, labels);
  const recipe = await recipeOfDocument(document, folder);
  await writeFile(path, formatRecipe({ $schema: schemaPath(folder), ...document }));
  const version = await publishedVersion(recipe, command);
  const described = labels.filter(({ description }) => description !== null).length;
  printResult(json, { recipe: path, labels: labels.length, described, version }, () =>
    [
      `${relative(folder, path)}: ${count(labels.length)} labels, ${count(described)} described; no data.`,
      "Rung 'decisions' answers first, and its answers train the edge; people audit 3% of all questions.",
      "Without its key in .dev.vars the local decision server stands in, which starts together with the ladder.",
      version === null
        ? `Next: ${startCommand}, then npx upriver publish ${name}`
        : `Version ${version}, untrained, serves all callers. Next: npx upriver ask ${name} '{"text": "…"}'`,
    ].join("\n"),
  );
}

/** Publishes the untrained version and serves it to all callers. Null where no ladder runs, or none is known. */
async function publishedVersion(
  recipe: Awaited<ReturnType<typeof recipeOfDocument>>,
  command: Command,
): Promise<number | null> {
  // No ladder has run here yet where no edge or key is known.
  const known = await Promise.all([clientFor(command, "publish"), signingKey(command)]).catch(() => null);
  if (!known) return null;
  const [client, key] = known;
  try {
    await client.health();
    const { version } = await publish(client, await startingVersion(recipe), key);
    await client.rollout(recipe.name, { version });
    return version;
  } catch (error) {
    if (error instanceof UnreachableError) return null;
    throw error;
  }
}
