import type { Command } from "commander";
import type { ForgottenOwner } from "#core/contract/index.ts";
import { clientFor } from "../local/context.ts";
import { formatTable, printResult } from "../local/output.ts";

interface Options {
  owner: string[];
  region?: string;
  json?: boolean;
}

/** `upriver forget`: deletes the samples of a token and what the regions learned from them. */
export function forgetVerb(program: Command): void {
  program
    .command("forget")
    .description("delete every sample that a token asked or labelled, and what the regions learned from it")
    .argument("<model>", "the name of a served model")
    .requiredOption("--owner <token...>", "token ids, as shown by 'npx upriver samples' in owner and labelledBy")
    .option("--region <region>", "only in this region")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver forget storefront --owner partner")
    .action(async (model: string, { owner, region, json }: Options, command: Command) => {
      const client = await clientFor(command, "admin");
      const forgotten = await client.forgetOwners(model, owner, region);
      printResult(json, forgotten, () => describe(forgotten));
    });
}

function describe({ model, owners, forgotten, regions }: ForgottenOwner): string {
  if (forgotten === 0) return `${model}: no samples from ${owners.join(", ")}.`;
  const rows = regions.map(({ region, samples, retrains }) => {
    return [region, samples, retrains ? "the global head, until the retrain that has started ends" : "as before"];
  });
  return `${model}: ${forgotten} samples of ${owners.join(", ")} are forgotten.\n${formatTable([["region", "forgotten", "served by"], ...rows])}`;
}
