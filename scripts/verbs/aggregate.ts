import type { Command } from "commander";
import { aggregate } from "#origin/aggregate.ts";
import { publish } from "#origin/publish.ts";
import { recipeOf } from "#origin/recipes/index.ts";
import { clientFor, signingKey } from "../local/context.ts";
import { printResult } from "../local/output.ts";

interface Options {
  before?: string;
  data?: string;
  rollout?: boolean;
  json?: boolean;
}

/** `upriver combine`: one global head from what all regions learned, without a raw input. */
export function aggregateVerb(program: Command): void {
  program
    .command("aggregate")
    .description("add up the regions' sums into a new global head, and publish it as the next version")
    .argument("<recipe>")
    .option("--before <date>", "calibrate on the recipe's held-out rows before this day alone")
    .option("--data <file>", "read the recipe's data from this file")
    .option("--rollout", "serve it to all at once")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  npx upriver combine weather --rollout")
    .action(run);
}

async function run(name: string, { before, data, rollout, json }: Options, command: Command): Promise<void> {
  const recipe = recipeOf(name);
  // Listing regions wants more than the publish scope.
  const client = await clientFor(command, "admin");
  const { artefact, labels } = await aggregate(client, recipe, { before: before ?? recipe.trainBefore, file: data });
  const { version, metrics } = await publish(client, artefact, await signingKey());
  if (rollout) await client.rollout(name, { version });
  const total = Object.values(labels).reduce((sum, n) => sum + n, 0);
  printResult(json, { model: name, version, labels, metrics: metrics.thin, rolledOut: rollout === true }, () => {
    const { logLoss, accuracy } = metrics.thin;
    const next = rollout ? "served to all" : `next: npx upriver rollout ${name} ${version}`;
    const figures = `log-loss ${logLoss.toFixed(4)}, accuracy ${accuracy.toFixed(4)} on held-out rows`;
    return `${total} labels of ${Object.keys(labels).length} regions: version ${version}, ${figures}; ${next}.`;
  });
}
