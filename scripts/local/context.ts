import { existsSync } from "node:fs";
import type { Command } from "commander";
import { UpriverClient } from "../../workers/client/index.ts";
import type { Scope } from "../../workers/core/tokens.ts";
import { root } from "./ladder.ts";
import { type Credentials, credentialsPath, readCredentials } from "./secrets.ts";

/** A client for a verb: from its options, the environment, or what `npm start` made. */
export async function clientFor(command: Command, scope: Scope): Promise<UpriverClient> {
  const options = command.optsWithGlobals<{ url?: string; token?: string }>();
  const local = await localCredentials();
  const url = options.url ?? process.env.UPRIVER_URL ?? local?.edge;
  const token = options.token ?? process.env.UPRIVER_TOKEN ?? local?.tokens[scope];
  if (url) return new UpriverClient({ url, token });
  throw new Error(
    "No edge is known. Run 'npm start' here, or name one with --url and --token (UPRIVER_URL, UPRIVER_TOKEN).",
  );
}

/** What `npm start` made here; null where it never ran. */
export async function localCredentials(): Promise<Credentials | null> {
  return existsSync(credentialsPath(root)) ? readCredentials(root) : null;
}
