import type { Command } from "commander";
import type { RegionRun } from "#client/index.ts";
import { clientFor } from "../local/context.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { retrainAll } from "../replay/retrain.ts";

interface Options {
  region?: string;
  acceptOwner?: string[];
  json?: boolean;
}

/** `upriver retrain`: retrains regional heads now. */
export function retrainVerb(program: Command): void {
  program
    .command("retrain")
    .description("retrain the heads of all regions, or of one, now")
    .argument("<model>", "the name of a served model")
    .option("--region <region>", "only this region")
    .option("--accept-owner <token...>", "let labels of this token, which is not trusted, decide the outcome")
    .option("--json", "print one JSON object instead of text")
    .addHelpText(
      "after",
      "\nExamples:\n  npx upriver retrain storefront --region temple" +
        "\n  npx upriver retrain storefront --region temple --accept-owner partner",
    )
    .action(async (model: string, options: Options, command: Command) => {
      const client = await clientFor(command, "admin");
      const regions = options.region ? [options.region] : (await client.regions(model)).map(({ region }) => region);
      const { acceptOwner = [] } = options;
      const bar = showProgress(`retraining ${model}`, regions.length);
      const runs = await retrainAll(client, model, regions, undefined, (done) => bar.update(done), acceptOwner);
      bar.end();
      printResult(options.json, { model, runs }, () => describe(runs));
    });
}

function describe(runs: readonly RegionRun[]): string {
  if (runs.length === 0) return "No region has received a question yet, so there is nothing to learn from.";
  return formatTable([
    ["region", "outcome", "reason"],
    ...runs.map(({ region, status, reason }) => [region, status, reason]),
  ]);
}
