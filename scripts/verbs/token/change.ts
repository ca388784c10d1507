import type { Command } from "commander";
import { rotationDefaultHours } from "#core/contract/index.ts";
import { clientFor } from "../../local/context.ts";
import { printResult } from "../../local/output.ts";
import { numberParser, UsageError } from "../../local/usage.ts";
import { describeIssued, describeTokens } from "./describe.ts";
import { type GrantOptions, grantOf, grantOptions, optionsOf } from "./limits.ts";

interface LimitOptions extends GrantOptions {
  trusted?: boolean;
  untrusted?: boolean;
  unlimited?: boolean;
  neverExpires?: boolean;
  json?: boolean;
}

/** `upriver token limit`, `rotate` and `revoke`. */
export function changeVerbs(token: Command): void {
  const limit = token
    .command("limit")
    .description("change what a token may do; what is not given stays, but usage limits replace the previous ones")
    .argument("<id>", "the id of a token");
  grantOptions(limit)
    .option("--unlimited", "remove its usage limits")
    .option("--never-expires", "remove the day on which it expires")
    .option("--trusted", "take its labels without bounds")
    .option("--untrusted", "bound what its labels can change")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver token limit shop --regions lagoon --questions-per-minute 600")
    .action((id: string, _, command: Command) => runLimit(id, command));
  token
    .command("rotate")
    .description("give a token a new secret; the old one stays valid for a while")
    .argument("<id>", "the id of a token")
    .option(
      "--old-valid-hours <hours>",
      "how long the old secret stays valid; 0 ends it at once",
      numberParser("--old-valid-hours", { atLeast: 0 }),
      rotationDefaultHours,
    )
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver token rotate shop --old-valid-hours 48")
    .action(async (id: string, _, command: Command) => {
      const options = optionsOf<{ oldValidHours: number; json?: boolean }>(command);
      const issued = await (await clientFor(command, "admin")).rotateToken(id, options);
      printResult(options.json, issued, () => describeIssued(issued));
    });
  token
    .command("revoke")
    .description("revoke a token and its secrets, within 30 seconds; its id stays taken")
    .argument("<id>", "the id of a token")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver token revoke shop")
    .action(async (id: string, _, command: Command) => {
      const { json } = optionsOf<{ json?: boolean }>(command);
      const record = await (await clientFor(command, "admin")).revokeToken(id);
      printResult(json, record, () => describeTokens([record]));
    });
}

async function runLimit(id: string, command: Command): Promise<void> {
  const { trusted, untrusted, unlimited, neverExpires, json, ...grant } = optionsOf<LimitOptions>(command);
  if (trusted && untrusted) throw new UsageError("--trusted and --untrusted exclude each other.");
  const change = {
    ...grantOf(grant),
    ...(unlimited ? { limits: {} } : {}),
    ...(neverExpires ? { expiresAt: null } : {}),
    ...(trusted || untrusted ? { trusted: !untrusted } : {}),
  };
  if (Object.keys(change).length === 0) throw new UsageError("Give what to change, such as --scopes or --regions.");
  const record = await (await clientFor(command, "admin")).changeToken(id, change);
  printResult(json, record, () => describeTokens([record]));
}
