import { existsSync } from "node:fs";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { sha256Hex } from "#core/hash.ts";
import { generateKeys, type SigningKey } from "#core/sign.ts";
import { parseTokens, type Scope, scopes, type Token } from "#core/tokens.ts";
import { resetCommand, startCommand } from "./process.ts";
import { checkState, credentialsPath, devVarsMark, markState } from "./state.ts";

/** What local tools know of a ladder: its addresses, a token for each scope and the key that signs manifests. */
export interface Credentials {
  edge: string;
  origin: string;
  tokens: Record<Scope, string>;
  /** The token that the edge sends to the origin; the origin knows its hash. */
  originToken: string;
  signingKey: SigningKey;
}

const secretMode = 0o600;
/** Scopes whose token is not given the scope ask as well. */
const standalone: ReadonlySet<Scope> = new Set(["ask", "metrics", "admin"]);

/**
 * Makes a deployment's secrets: `vars` for the Worker, with hashes of the tokens only, and `credentials` for local tools. The ids
 * of its keys begin with `keys`.
 */
export async function makeSecrets(addresses: Pick<Credentials, "edge" | "origin">, keys = "local") {
  const publish = await generateKeys(`${keys}-publish`);
  const deployment = await generateKeys(`${keys}-deployment`);
  const tokens = Object.fromEntries(scopes.map((scope) => [scope, randomToken(scope)])) as Record<Scope, string>;
  const credentials: Credentials = {
    ...addresses,
    tokens,
    originToken: randomToken("origin"),
    signingKey: publish.signing,
  };
  const vars = {
    UPRIVER_TOKENS: JSON.stringify(await Promise.all(scopes.map((scope) => hashed(scope, tokens[scope])))),
    SPLIT_SECRET: randomToken("split"),
    PUBLISH_KEYS: JSON.stringify(publish.publicKeys),
    DEPLOYMENT_KEY: JSON.stringify(deployment.signing),
    DEPLOYMENT_PUBLIC_KEYS: JSON.stringify(deployment.publicKeys),
    NEXT_RUNG_TOKEN: credentials.originToken,
  };
  return { credentials, vars };
}

/** Returns the folder's credentials for a ladder on these ports; makes them and `.dev.vars` when both are missing. */
export async function ensureSecrets(folder: string, ports: { edge: number; origin: number }): Promise<Credentials> {
  await checkState(folder);
  const path = credentialsPath(folder);
  const varsPath = join(folder, ".dev.vars");
  const addresses = { edge: `http://127.0.0.1:${ports.edge}`, origin: `http://127.0.0.1:${ports.origin}` };
  if (existsSync(path) && existsSync(varsPath)) {
    const known = await withEveryScope({ ...(await readCredentials(folder)), ...addresses }, varsPath);
    await writeSecret(path, `${JSON.stringify(known, null, 2)}\n`);
    return known;
  }
  if (existsSync(varsPath)) {
    throw new Error(
      `${varsPath} exists, but the credentials that belong to it (${path}) are missing. ` +
        `Move .dev.vars away and run '${startCommand}' again: it makes both. Keep its SPLIT_SECRET if you keep the samples.`,
    );
  }
  const { credentials, vars } = await makeSecrets(addresses);
  const lines = Object.entries(vars).map(([name, value]) => `${name}='${value}'`);
  await writeSecret(varsPath, `${devVarsMark} See .dev.vars.example.\n${lines.join("\n")}\n`);
  await markState(folder);
  await writeSecret(path, `${JSON.stringify(credentials, null, 2)}\n`);
  return credentials;
}

/** Adds a token for each scope that did not exist when the secrets were made. */
async function withEveryScope(known: Credentials, varsPath: string): Promise<Credentials> {
  const missing = scopes.filter((scope) => known.tokens[scope] === undefined);
  if (missing.length === 0) return known;
  const text = await readFile(varsPath, "utf8");
  const before = parseTokens(`UPRIVER_TOKENS in ${varsPath}`, parseEnv(text).UPRIVER_TOKENS ?? "");
  const made = missing.map((scope) => [scope, randomToken(scope)] as const);
  const entries = await Promise.all(made.map(([scope, token]) => hashed(scope, token)));
  const line = `UPRIVER_TOKENS='${JSON.stringify([...before, ...entries])}'`;
  await writeSecret(
    varsPath,
    text.replace(/^UPRIVER_TOKENS=.*$/m, () => line),
  );
  return { ...known, tokens: { ...known.tokens, ...Object.fromEntries(made) } };
}

/** Reads the credentials of a folder's ladder. */
export async function readCredentials(folder: string): Promise<Credentials> {
  const path = credentialsPath(folder);
  const text = await readFile(path, "utf8");
  try {
    return JSON.parse(text) as Credentials;
  } catch (cause) {
    throw new Error(
      `${path} is not valid JSON. Restore it, or run '${resetCommand}' and '${startCommand}' for a new one.`,
      {
        cause,
      },
    );
  }
}

/** Returns the entry that the Worker and the origin store for a token: its hash and scopes. */
export async function hashed(scope: Scope, token: string): Promise<Token> {
  return { id: scope, sha256: await sha256Hex(token), scopes: scopesOf(scope), models: ["*"], regions: ["*"] };
}

// Publishers and reviewers also read manifests and answers, which needs the scope ask.
function scopesOf(scope: Scope): Scope[] {
  return standalone.has(scope) ? [scope] : ["ask", scope];
}

/** Makes a token; the kind in it tells what a leaked token is for. */
export function randomToken(kind: string): string {
  return `up_${kind}_${Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString("base64url")}`;
}

/** Writes a file that only its owner may read. */
export async function writeSecret(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: secretMode });
  // writeFile applies its mode to new files only.
  await chmod(path, secretMode);
}
