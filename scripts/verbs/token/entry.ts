import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { sha256Hex } from "#core/hash.ts";
import { parseTokens, type Scope, type Token } from "#core/tokens.ts";
import { printResult } from "../../local/output.ts";
import { randomToken } from "../../local/secrets.ts";
import { UsageError } from "../../local/usage.ts";

export interface EntryOptions {
  id: string;
  scopes: Scope[];
  models: string[];
  regions: string[];
  add?: string;
  json?: boolean;
}

/** Makes a token and its entry for UPRIVER_TOKENS, without a deployment. */
export async function makeEntry(options: Partial<EntryOptions>): Promise<void> {
  const { id, scopes: granted, models, regions, add, json } = options;
  if (id === undefined) throw new UsageError("--id <id> is required, or one of create, list, limit, rotate, revoke.");
  if (granted === undefined) throw new UsageError("--scopes <scopes> is required.");
  const token = randomToken(id.replaceAll(/[^A-Za-z0-9-]/g, "-"));
  const entry: Token = {
    ...{ id, sha256: await sha256Hex(token), scopes: granted },
    ...{ models: models ?? ["*"], regions: regions ?? ["*"] },
  };
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
