import type { Command } from "commander";
import { clientFor } from "../local/context.ts";
import { print } from "../local/output.ts";

/** `upriver rollout`: moves the pointer to a version. */
export function rolloutVerb(program: Command): void {
  program
    .command("rollout")
    .description("serve a published version, to all or as a canary")
    .argument("<model>")
    .argument("<version>")
    .option("--share <share>", "to this share of the callers alone (0 to 1)")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  npx upriver rollout storefront 2 --share 0.1")
    .action(async (model: string, version: string, options: { share?: string; json?: boolean }, command: Command) => {
      const client = await clientFor(command, "publish");
      const share = options.share === undefined ? {} : { share: Number(options.share) };
      const pointer = await client.rollout(model, { version: Number(version), ...share });
      print(options.json, { model, pointer }, () => {
        const { stable, canary } = pointer;
        return `${model}: stable ${stable}${canary ? `, canary ${canary.version} for ${canary.share} of the callers` : ""}`;
      });
    });
}
