import type { Command } from "commander";
import { aggregate } from "#origin/aggregate.ts";
import { publish } from "#origin/publish.ts";
import { clientFor, signingKey } from "../local/context.ts";
import { printResult } from "../local/output.ts";
import { recipeFor } from "../local/recipe.ts";
import { dayParser } from "../local/usage.ts";

interface Options {
  before?: string;
  data?: string;
  rollout?: boolean;
  json?: boolean;
}

/** `upriver aggregate`: makes one global head from the sums of all regions; no inputs leave a region. */
export function aggregateVerb(program: Command): void {
  program
    .command("aggregate")
    .description("aggregate the regions' sums into a new global head and publish it as the next version")
    .argument("<recipe>", "the recipe of a served model")
    .option("--before <date>", "calibrate on held-out rows before this day only", dayParser("--before"))
    .option("--data <file>", "file of the recipe's data")
    .option("--rollout", "serve the new version to all callers at once")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver aggregate weather --rollout")
    .action(run);
}

async function run(given: string, { before, data, rollout, json }: Options, command: Command): Promise<void> {
  const recipe = await recipeFor(given, data);
  const { name } = recipe;
  // Listing regions needs the scope admin.
  const client = await clientFor(command, "admin");
  const { artefact, labels } = await aggregate(client, recipe, { before: before ?? recipe.trainBefore, file: data });
  const { version, metrics } = await publish(client, artefact, await signingKey(command));
  if (rollout) await client.rollout(name, { version });
  const total = Object.values(labels).reduce((sum, n) => sum + n, 0);
  printResult(json, { model: name, version, labels, metrics: metrics.thin, rolledOut: rollout === true }, () => {
    const { logLoss, accuracy } = metrics.thin;
    const next = rollout ? "it serves all callers" : `next: npx upriver rollout ${name} ${version}`;
    const figures = `log-loss ${logLoss.toFixed(4)}, accuracy ${accuracy.toFixed(4)} on held-out rows`;
    return `Version ${version} from ${total} labels of ${Object.keys(labels).length} regions: ${figures}; ${next}.`;
  });
}
