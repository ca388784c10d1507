import type { Command } from "commander";
import { clientFor } from "../../local/context.ts";
import { printResult } from "../../local/output.ts";
import { UsageError } from "../../local/usage.ts";
import { describeIssued } from "./describe.ts";
import { type GrantOptions, grantOf, grantOptions } from "./limits.ts";

interface Options extends GrantOptions {
  id: string;
  untrusted?: boolean;
  json?: boolean;
}

/** `upriver token create`: creates a token in the running deployment. */
export function createVerb(token: Command): void {
  const command = token
    .command("create")
    .description("create a token in the running deployment; its labels are trusted unless --untrusted")
    .requiredOption("--id <id>", "name of the token; questions record it as their owner");
  grantOptions(command)
    .option("--untrusted", "bound what its labels can change, as for labels of strangers")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver token create --id shop --scopes ask,teach --models storefront")
    .action(run);
}

async function run({ id, untrusted, json, ...grant }: Options, command: Command): Promise<void> {
  const { scopes, ...rest } = grantOf(grant);
  if (!scopes) throw new UsageError("--scopes <scopes> is required.");
  const client = await clientFor(command, "admin");
  const issued = await client.createToken({ id, scopes, ...rest, trusted: !untrusted });
  printResult(json, issued, () => describeIssued(issued));
}
