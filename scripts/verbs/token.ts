import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { sha256Hex } from "#core/hash.ts";
import { parseTokens, type Scope, scopes, type Token } from "#core/tokens.ts";
import { printResult } from "../local/output.ts";
import { randomToken } from "../local/secrets.ts";
import { choiceListParser, nameListParser } from "../local/usage.ts";

interface Options {
  id: string;
  scopes: Scope[];
  models: string[];
  regions: string[];
  add?: string;
  json?: boolean;
}

/** `upriver token`: makes an API token and its entry for the deployment. */
export function tokenVerb(program: Command): void {
  program
    .command("token")
    .description("make an API token; the deployment stores only its hash, in UPRIVER_TOKENS")
    .requiredOption("--id <id>", "name of the token; questions record it as their owner")
    .requiredOption(
      "--scopes <scopes>",
      `scopes, separated by commas: ${scopes.join(", ")}`,
      choiceListParser("--scopes", scopes),
    )
    .option("--models <models>", "models it is limited to, separated by commas", nameListParser("--models"), ["*"])
    .option("--regions <regions>", "regions it is limited to, separated by commas", nameListParser("--regions"), ["*"])
    .option("--add <file>", "add the entry to this list; the file is created if it does not exist")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver token --id grafana --scopes metrics --add tokens.json")
    .action(run);
}

async function run({ id, scopes: granted, models, regions, add, json }: Options): Promise<void> {
  const token = randomToken(id.replaceAll(/[^A-Za-z0-9-]/g, "-"));
  const entry: Token = { id, sha256: await sha256Hex(token), scopes: granted, models, regions };
  if (add !== undefined) await addTo(add, entry);
  printResult(json, { token, entry }, () => {
    const where = add === undefined ? "add it to UPRIVER_TOKENS" : `added to ${add}; set UPRIVER_TOKENS to that list`;
    return `Token, shown only once:\n${token}\nEntry (${where}):\n${JSON.stringify(entry)}`;
  });
}

async function addTo(path: string, entry: Token): Promise<void> {
  const known = existsSync(path) ? parseTokens(path, await readFile(path, "utf8")) : [];
  const lines = [...known, entry].map((token) => `  ${JSON.stringify(token)}`);
  await writeFile(path, `[\n${lines.join(",\n")}\n]\n`);
}
