import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { UpriverClient } from "#client/index.ts";
import { type SigningKey, signingKeySchema } from "#core/sign.ts";
import type { Scope } from "#core/tokens.ts";
import { root } from "./process.ts";
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
  const folder = process.env.UPRIVER_FOLDER ?? root;
  return existsSync(credentialsPath(folder)) ? readCredentials(folder) : null;
}

/** The key that signs manifests: SIGNING_KEY, or what npm start made. */
export async function signingKey(): Promise<SigningKey> {
  const json = process.env.SIGNING_KEY;
  const key = json ? JSON.parse(json) : (await localCredentials())?.signingKey;
  if (key) return signingKeySchema.parse(key);
  throw new Error("No key to sign with. Run 'npm start' once, or set SIGNING_KEY to {keyId, pkcs8} of a pinned key.");
}

/** Where a recipe's trained model is kept. */
export function artefactFolder(recipe: string): string {
  return join(root, ".upriver", "artefacts", recipe);
}

/** Where a recipe's training that is cut off finds where it was. */
export function trainingFolder(recipe: string): string {
  return join(root, ".upriver", "training", recipe);
}
