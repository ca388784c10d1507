import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { type Command, InvalidArgumentError } from "commander";
import { sha256Hex } from "#core/hash.ts";
import { parseTokens, type Scope, scopes, type Token } from "#core/tokens.ts";
import { printResult } from "../local/output.ts";
import { randomToken } from "../local/secrets.ts";

interface Options {
  id: string;
  scopes: Scope[];
  models: string[];
  regions: string[];
  add?: string;
  json?: boolean;
}

/** `upriver token`: a new bearer token, and its hash for the deployment. */
export function tokenVerb(program: Command): void {
  program
    .command("token")
    .description("make a token: it is shown once; the deployment keeps its hash, in UPRIVER_TOKENS")
    .requiredOption("--id <id>", "whose it is; who asked a question is known by it")
    .requiredOption("--scopes <scopes>", `what it may do, with commas between: ${scopes.join(", ")}`, scopesIn)
    .option("--models <models>", "these models alone, with commas between", namesIn, ["*"])
    .option("--regions <regions>", "these regions alone, with commas between", namesIn, ["*"])
    .option("--add <file>", "put its entry into this list as well, which is made if it is not there")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  npx upriver token --id grafana --scopes metrics --add tokens.json")
    .action(run);
}

async function run({ id, scopes: granted, models, regions, add, json }: Options): Promise<void> {
  const token = randomToken(id.replaceAll(/[^A-Za-z0-9-]/g, "-"));
  const entry: Token = { id, sha256: await sha256Hex(token), scopes: granted, models, regions };
  if (add !== undefined) await addTo(add, entry);
  printResult(json, { token, entry }, () => {
    const where = add === undefined ? "UPRIVER_TOKENS" : `${add}, which has it, and from there into UPRIVER_TOKENS`;
    return `The token, shown this once:\n${token}\nIts entry, for ${where}:\n${JSON.stringify(entry)}`;
  });
}

async function addTo(path: string, entry: Token): Promise<void> {
  const known = existsSync(path) ? parseTokens(path, await readFile(path, "utf8")) : [];
  const lines = [...known, entry].map((token) => `  ${JSON.stringify(token)}`);
  await writeFile(path, `[\n${lines.join(",\n")}\n]\n`);
}

function scopesIn(text: string): Scope[] {
  return namesIn(text).map((name) => {
    if ((scopes as readonly string[]).includes(name)) return name as Scope;
    throw new InvalidArgumentError(`'${name}' is none of ${scopes.join(", ")}.`);
  });
}

function namesIn(text: string): string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.every((name) => name !== "")) return names;
  throw new InvalidArgumentError("It must be names, with commas between.");
}
