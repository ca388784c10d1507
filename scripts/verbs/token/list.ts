import type { Command } from "commander";
import { clientFor } from "../../local/context.ts";
import { printResult } from "../../local/output.ts";
import { describeTokens } from "./describe.ts";
import { optionsOf } from "./limits.ts";

/** `upriver token list`: lists the tokens that the running deployment issued. */
export function listVerb(token: Command): void {
  token
    .command("list")
    .description("list the tokens that the running deployment issued, with the hour (UTC) of their last use")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver token list")
    .action(async (_, command: Command) => {
      const { json } = optionsOf<{ json?: boolean }>(command);
      const tokens = await (await clientFor(command, "admin")).tokens();
      printResult(json, { tokens }, () =>
        tokens.length === 0 ? "No token yet besides those of UPRIVER_TOKENS." : describeTokens(tokens),
      );
    });
}
