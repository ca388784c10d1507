import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { UpriverClient } from "#client/index.ts";
import { type SigningKey, signingKeySchema } from "#core/sign.ts";
import type { Scope } from "#core/tokens.ts";
import { deploymentPath, readDeployment, workerName } from "./deployment.ts";
import { startCommand } from "./process.ts";
import { projectFolder } from "./project.ts";
import { scalePicture } from "./scale-picture.ts";
import { type Credentials, readCredentials } from "./secrets.ts";
import { checkState, credentialsPath } from "./state.ts";

interface GlobalOptions {
  url?: string;
  token?: string;
  deployed?: boolean;
}

/** Creates the client of a command from its options, the environment or the local ladder's credentials. */
export async function clientFor(command: Command, scope: Scope): Promise<UpriverClient> {
  return new UpriverClient({ ...(await edgeFor(command, scope)), scalePicture });
}

/** Finds the edge of a command, and a token for it. */
export async function edgeFor(command: Command, scope: Scope): Promise<{ url: string; token: string | undefined }> {
  const options = command.optsWithGlobals<GlobalOptions>();
  if (options.deployed) {
    const { url, credentials } = await deployed();
    return { url, token: options.token ?? credentials.tokens[scope] };
  }
  const isNamed = (options.url ?? process.env.UPRIVER_URL) && (options.token ?? process.env.UPRIVER_TOKEN);
  const local = isNamed ? null : await localCredentials();
  const url = options.url ?? process.env.UPRIVER_URL ?? local?.edge;
  const token = options.token ?? process.env.UPRIVER_TOKEN ?? local?.tokens[scope];
  if (url) return { url, token };
  throw new Error(
    `No edge is known. Run '${startCommand}' here, or name one with --url and --token (UPRIVER_URL, UPRIVER_TOKEN).`,
  );
}

/** Reads what this machine knows of the project's deployment. Throws when it was never deployed from here. */
async function deployed(): Promise<{ url: string; credentials: Credentials }> {
  const name = await workerName(projectFolder());
  const deployment = await readDeployment(deploymentPath(name));
  if (deployment?.url) return { url: deployment.url, credentials: deployment.credentials };
  throw new Error(`'${name}' was not deployed from this machine. Deploy it: npx upriver deploy`);
}

/** Reads the credentials that `npm start` made here; null when it never ran. */
async function localCredentials(): Promise<Credentials | null> {
  const folder = projectFolder();
  await checkState(folder);
  return existsSync(credentialsPath(folder)) ? readCredentials(folder) : null;
}

/** Returns the key that signs manifests: SIGNING_KEY, else the local ladder's. */
export async function signingKey(command: Command): Promise<SigningKey> {
  if (command.optsWithGlobals<GlobalOptions>().deployed) return (await deployed()).credentials.signingKey;
  const json = process.env.SIGNING_KEY;
  if (!json) {
    const key = (await localCredentials())?.signingKey;
    if (key) return key;
    throw new Error(
      `There is no key to sign with. Run '${startCommand}' once, or set SIGNING_KEY ('npx upriver key' makes one).`,
    );
  }
  const read = signingKeySchema.safeParse(parseJson(json));
  if (read.success) return read.data;
  throw new Error("SIGNING_KEY must be the private key that 'npx upriver key' printed: JSON with keyId and pkcs8.");
}

/** The folder of a recipe's trained model. */
export function artefactFolder(recipe: string): string {
  return join(projectFolder(), ".upriver", "artefacts", recipe);
}

/** The folder of a recipe's checkpoints, from which an interrupted training goes on. */
export function trainingFolder(recipe: string): string {
  return join(projectFolder(), ".upriver", "training", recipe);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
