import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { sha256Hex } from "#core/hash.ts";
import { generateKeys, type SigningKey } from "#core/sign.ts";
import { parseTokens, type Scope, scopes, type Token } from "#core/tokens.ts";

/** What local tools know: where the ladder is, and a token for each scope. */
export interface Credentials {
  edge: string;
  origin: string;
  tokens: Record<Scope, string>;
  /** The next rung's own token: the edge bears it, the origin knows its hash. */
  originToken: string;
  signingKey: SigningKey;
}

const secretMode = 0o600;
const alone: ReadonlySet<Scope> = new Set(["ask", "metrics", "admin"]);

/** Makes a deployment's secrets with random tokens: for the Worker hashes alone, for local tools the tokens. */
export async function makeSecrets(addresses: Pick<Credentials, "edge" | "origin">) {
  const publish = await generateKeys("local-publish");
  const deployment = await generateKeys("local-deployment");
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

/** The folder's credentials for a ladder on these ports; made, together with `.dev.vars`, when they are missing. */
export async function ensureSecrets(root: string, ports: { edge: number; origin: number }): Promise<Credentials> {
  const path = credentialsPath(root);
  const varsPath = join(root, ".dev.vars");
  const addresses = { edge: `http://127.0.0.1:${ports.edge}`, origin: `http://127.0.0.1:${ports.origin}` };
  if (existsSync(path) && existsSync(varsPath)) {
    const known = await withEveryScope({ ...(await readCredentials(root)), ...addresses }, varsPath);
    await writeSecret(path, `${JSON.stringify(known, null, 2)}\n`);
    return known;
  }
  if (existsSync(varsPath)) {
    const next = "Move it away and npm start makes both anew; what the old SPLIT_SECRET dealt stays as it is.";
    throw new Error(`${varsPath} is there, but the credentials that belong to it (${path}) are not. ${next}`);
  }
  const { credentials, vars } = await makeSecrets(addresses);
  const lines = Object.entries(vars).map(([name, value]) => `${name}='${value}'`);
  await writeSecret(varsPath, `# Made by npm start. See .dev.vars.example.\n${lines.join("\n")}\n`);
  await mkdir(join(root, ".upriver"), { recursive: true });
  await writeSecret(path, `${JSON.stringify(credentials, null, 2)}\n`);
  return credentials;
}

/** Gives secrets that were made before a scope came a token for it. */
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

export async function readCredentials(root: string): Promise<Credentials> {
  return JSON.parse(await readFile(credentialsPath(root), "utf8"));
}

export function credentialsPath(root: string): string {
  return join(root, ".upriver", "credentials.json");
}

/** A token as the Worker and the origin keep it. */
export async function hashed(scope: Scope, token: string): Promise<Token> {
  return { id: scope, sha256: await sha256Hex(token), scopes: scopesOf(scope), models: ["*"], regions: ["*"] };
}

// Whoever publishes or reviews also asks: it reads manifests, and the answer that its label became.
function scopesOf(scope: Scope): Scope[] {
  return alone.has(scope) ? [scope] : ["ask", scope];
}

/** A new token; its kind is there for whoever finds it in a place where it should not be. */
export function randomToken(kind: string): string {
  return `up_${kind}_${Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString("base64url")}`;
}

async function writeSecret(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: secretMode });
  // The mode of writeFile is for new files alone.
  await chmod(path, secretMode);
}
