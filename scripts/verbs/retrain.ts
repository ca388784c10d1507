import type { Command } from "commander";
import type { RegionRun } from "#client/index.ts";
import { clientFor } from "../local/context.ts";
import { printResult, progressOf, table } from "../local/output.ts";
import { retrainAll } from "../replay/retrain.ts";

/** `upriver retrain`: regions learn now. */
export function retrainVerb(program: Command): void {
  program
    .command("retrain")
    .description("retrain the heads of all regions, or of one, now")
    .argument("<model>")
    .option("--region <region>", "this region alone")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  npx upriver retrain storefront --region temple")
    .action(async (model: string, options: { region?: string; json?: boolean }, command: Command) => {
      const client = await clientFor(command, "admin");
      const regions = options.region ? [options.region] : (await client.regions(model)).map(({ region }) => region);
      const bar = progressOf(`retraining ${model}`, regions.length);
      const runs = await retrainAll(client, model, regions, undefined, (done) => bar.update(done));
      bar.end();
      printResult(options.json, { model, runs }, () => describe(runs));
    });
}

function describe(runs: readonly RegionRun[]): string {
  if (runs.length === 0) return "No region has been asked anything yet: there is nothing to learn from.";
  return table([["region", "run", "why"], ...runs.map(({ region, status, reason }) => [region, status, reason])]);
}
