import { existsSync } from "node:fs";
import { access, constants, mkdir } from "node:fs/promises";
import { arch, availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import type { Enrolment, Host, NodeKeys } from "#core/contract/index.ts";
import type { PublicKeys } from "#core/sign.ts";
import { type Scope, scopes } from "#core/tokens.ts";
import { readJson } from "../local/read-json.ts";
import { hashed, makeSecrets, randomToken, writeSecret } from "../local/secrets.ts";

const format = "upriver-node/1";

/** What a node is: its place under the rung above, and its own secrets. Stored as `node.json`, which only its user may read. */
export interface NodeState extends Enrolment {
  format: typeof format;
  /** The address of the rung above. */
  above: string;
  splitSecret: string;
  /** The key that signs the heads of its regions, as JSON. */
  deploymentKey: string;
  ownKeys: PublicKeys;
  /** Its own tokens, by scope. */
  tokens: Record<Scope, string>;
}

/** The files of a node's folder. Everything that it stores is in the objects' folder. */
export const pathsOf = (data: string) => ({
  state: join(data, "node.json"),
  objects: join(data, "objects"),
  log: join(data, "node.log"),
  /** Names the processes of a node that runs. */
  running: join(data, "running.json"),
  /** Names the process of a backup that is under way. */
  backup: join(data, "backup.json"),
});

/** Reads what a folder's node is; null where there is none. */
export async function readNode(data: string): Promise<NodeState | null> {
  const path = pathsOf(data).state;
  if (!existsSync(path)) return null;
  const state = await readJson<NodeState>(path);
  if (state?.format === format) return state;
  throw new Error(
    `${path} is no node's state that this version can read. Restore the folder from a backup: npx upriver node restore`,
  );
}

export async function saveNode(data: string, state: NodeState): Promise<void> {
  await writeSecret(pathsOf(data).state, `${JSON.stringify(state, null, 2)}\n`);
}

/** Throws where a node could not be stored in a folder, before it uses up its invitation. Makes the folder. */
export async function prepareFolder(data: string): Promise<void> {
  await mkdir(data, { recursive: true, mode: 0o700 });
  await access(data, constants.R_OK | constants.W_OK | constants.X_OK);
}

/** Makes the state of a node that has enrolled, with secrets of its own. */
export async function newNode(above: string, enrolment: Enrolment): Promise<NodeState> {
  const { vars, credentials } = await makeSecrets({ edge: "", origin: "" }, enrolment.id);
  return {
    ...{ format, above, ...enrolment },
    ...{ splitSecret: vars.SPLIT_SECRET, deploymentKey: vars.DEPLOYMENT_KEY },
    ...{ ownKeys: JSON.parse(vars.DEPLOYMENT_PUBLIC_KEYS), tokens: credentials.tokens },
  };
}

/** Adds what a later version or the rung above brought: tokens of new scopes, and the keys that are valid now. */
export function renewed(state: NodeState, keys: NodeKeys | null): NodeState {
  const tokens = Object.fromEntries(scopes.map((scope) => [scope, state.tokens[scope] ?? randomToken(scope)]));
  const { publishKeys, deploymentKeys } = keys ?? state;
  return { ...state, publishKeys, deploymentKeys, tokens: tokens as NodeState["tokens"] };
}

/** Returns the settings and secrets of the Worker of a node. */
export async function settingsOfNode(state: NodeState): Promise<Record<string, string>> {
  const tokens = await Promise.all(scopes.map((scope) => hashed(scope, state.tokens[scope])));
  const host: Host = { memoryBytes: totalmem(), cores: availableParallelism(), arch: arch() };
  return {
    NODE_ID: state.id,
    NEXT_RUNG_URL: state.above,
    NEXT_RUNG_TOKEN: state.token,
    SHARE: state.share,
    NODE_HOST: JSON.stringify(host),
    UPRIVER_TOKENS: JSON.stringify(tokens),
    SPLIT_SECRET: state.splitSecret,
    DEPLOYMENT_KEY: state.deploymentKey,
    PUBLISH_KEYS: JSON.stringify(state.publishKeys),
    // Its own key last: nothing that comes from above takes its place.
    DEPLOYMENT_PUBLIC_KEYS: JSON.stringify({ ...state.deploymentKeys, ...state.ownKeys }),
    ...fromEnvironment(),
  };
}

/** Settings that the environment may give: those of the edge that a node has a use for, and keys of rungs that are not ours. */
function fromEnvironment(): Record<string, string> {
  const isTaken = (name: string) =>
    ["PUBLIC_ASK", "ALLOWED_ORIGINS", "LOG_ANSWERS", "UPLINK_SECONDS", "SUMS_SECONDS"].includes(name) ||
    name.startsWith("RUNG_KEY_");
  return Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => isTaken(entry[0]) && !!entry[1]),
  );
}
