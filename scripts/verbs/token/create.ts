import type { Command } from "commander";
import { clientFor } from "../../local/context.ts";
import { printResult } from "../../local/output.ts";
import { UsageError } from "../../local/usage.ts";
import { describeIssued } from "./describe.ts";
import { type GrantOptions, grantOf, grantOptions, optionsOf } from "./limits.ts";

interface Options extends GrantOptions {
  id?: string;
  untrusted?: boolean;
  add?: string;
  json?: boolean;
}

/** `upriver token create`: creates a token in the running deployment. */
export function createVerb(token: Command): void {
  const command = token
    .command("create")
    .description("create a token in the running deployment; its labels are trusted unless --untrusted")
    .option("--id <id>", "name of the token; questions record it as their owner");
  grantOptions(command)
    .option("--untrusted", "bound what its labels can change, as for labels of strangers")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver token create --id shop --scopes ask,teach --models storefront")
    .action((_, command: Command) => run(command));
}

async function run(command: Command): Promise<void> {
  const { id, untrusted, add, json, ...grant } = optionsOf<Options>(command);
  const { scopes, ...rest } = grantOf(grant);
  if (add !== undefined)
    throw new UsageError("--add is of 'npx upriver token' alone, which makes an entry for UPRIVER_TOKENS.");
  if (id === undefined) throw new UsageError("--id <id> is required.");
  if (!scopes) throw new UsageError("--scopes <scopes> is required.");
  const client = await clientFor(command, "admin");
  const issued = await client.createToken({ id, scopes, ...rest, trusted: !untrusted });
  printResult(json, issued, () => describeIssued(issued));
}
