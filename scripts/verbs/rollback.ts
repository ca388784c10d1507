import type { Command } from "commander";
import { clientFor } from "../local/context.ts";
import { printResult } from "../local/output.ts";

/** `upriver rollback`: returns to the previous version, or to a region's previous head. */
export function rollbackVerb(program: Command): void {
  program
    .command("rollback")
    .description("end the canary, or return to the previous version; with --region, to that region's previous head")
    .argument("<model>", "the name of a served model")
    .option("--region <region>", "roll back only this region's head")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver rollback storefront --region lagoon")
    .action(async (model: string, options: { region?: string; json?: boolean }, command: Command) => {
      const client = await clientFor(command, "publish");
      if (options.region === undefined) {
        const pointer = await client.rollback(model);
        printResult(options.json, { model, pointer }, () => `${model}: version ${pointer.stable} serves all callers`);
        return;
      }
      const { region, head } = await client.rollbackRegion(model, options.region);
      printResult(
        options.json,
        { model, region, head },
        () => `${model}, ${region}: served by ${head ? `head ${head}` : "the global head"}`,
      );
    });
}
