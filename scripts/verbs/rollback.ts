import type { Command } from "commander";
import { clientFor } from "../local/context.ts";
import { printResult } from "../local/output.ts";

/** `upriver rollback`: back to the version, or the region's head, before. */
export function rollbackVerb(program: Command): void {
  program
    .command("rollback")
    .description("end the canary, or go back to the version before; with --region, to that region's head before")
    .argument("<model>")
    .option("--region <region>", "roll back this region's head alone")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  npx upriver rollback storefront --region lagoon")
    .action(async (model: string, options: { region?: string; json?: boolean }, command: Command) => {
      const client = await clientFor(command, "publish");
      if (options.region === undefined) {
        const pointer = await client.rollback(model);
        printResult(options.json, { model, pointer }, () => `${model}: stable ${pointer.stable}`);
        return;
      }
      const { region, head } = await client.rollbackRegion(model, options.region);
      printResult(
        options.json,
        { model, region, head },
        () => `${model}, ${region}: ${head ? `head ${head}` : "the global head"}`,
      );
    });
}
