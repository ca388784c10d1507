import type { Command } from "commander";
import { scopes } from "#core/tokens.ts";
import { choiceListParser, nameListParser } from "../../local/usage.ts";
import { changeVerbs } from "./change.ts";
import { createVerb } from "./create.ts";
import { type EntryOptions, makeEntry } from "./entry.ts";
import { listVerb } from "./list.ts";

/** `upriver token`: the tokens of a running deployment, and entries for UPRIVER_TOKENS without one. */
export function tokenVerb(program: Command): void {
  const token = program
    .command("token")
    .description("create, list, limit, rotate and revoke tokens of a deployment; or make an entry for UPRIVER_TOKENS")
    .usage("[command] | --id <id> --scopes <scopes> [--add <file>]")
    .option("--id <id>", "for an entry: name of the token; questions record it as their owner")
    .option(
      "--scopes <scopes>",
      `for an entry: scopes, separated by commas: ${scopes.join(", ")}`,
      choiceListParser("--scopes", scopes),
    )
    .option("--models <models>", "models it is limited to, separated by commas", nameListParser("--models"))
    .option("--regions <regions>", "regions it is limited to, separated by commas", nameListParser("--regions"))
    .option("--add <file>", "add the entry to this list; the file is created if it does not exist")
    .option("--json", "print one JSON object instead of text")
    .addHelpText(
      "after",
      "\nA deployment's first admin token is an entry of its secret UPRIVER_TOKENS; it creates the others.\n\nExamples:\n" +
        "  npx upriver token --id operator --scopes admin --add tokens.json\n" +
        "  npx upriver token create --id grafana --scopes metrics\n  npx upriver token rotate grafana",
    )
    .action((options: Partial<EntryOptions>) => makeEntry(options));
  createVerb(token);
  listVerb(token);
  changeVerbs(token);
}
