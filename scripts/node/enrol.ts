import { ProblemError, UpriverClient } from "#client/index.ts";
import { type NodeKeys, type Share, tokenIdSchema } from "#core/contract/index.ts";
import { hasIssuedForm } from "#core/tokens.ts";
import { UsageError } from "../local/usage.ts";
import { type NodeState, newNode, prepareFolder, readNode, renewed, saveNode } from "./state.ts";

/** Characters of a token after the id: "_", and 43 of the secret. */
const secretChars = 44;
const keysTimeoutMs = 3_000;

/** What the command line says of a node. */
export interface NodeChoice {
  data: string;
  above?: string | undefined;
  enrol?: string | undefined;
  share?: Share | undefined;
}

/** Returns the folder's node: enrols it at the first start, else brings it up to date. `say` tells what the user should know. */
export async function openNode(choice: NodeChoice, say: (line: string) => void): Promise<NodeState> {
  const known = await readNode(choice.data);
  if (known && choice.enrol !== undefined) say(`${choice.data} is node '${known.id}' already: --enrol is not used.`);
  const state = known ? await broughtUpToDate(known, choice.above, say) : await enrolled(choice);
  const chosen = { ...state, share: choice.share ?? state.share };
  await saveNode(choice.data, chosen);
  return chosen;
}

async function enrolled({ data, above, enrol }: NodeChoice): Promise<NodeState> {
  if (above === undefined || enrol === undefined) {
    throw new UsageError(
      `${data} is no node yet: --above <url> and --enrol <token> are required. An admin of the rung above makes the token: ` +
        "npx upriver node invite <id>",
    );
  }
  const id = enrol.slice("up_".length, -secretChars);
  if (!hasIssuedForm(enrol) || !tokenIdSchema.safeParse(id).success) {
    throw new UsageError(
      "--enrol must be the token that 'npx upriver node invite <id>' printed: up_<id>_<43 characters>.",
    );
  }
  await prepareFolder(data);
  const enrolment = await new UpriverClient({ url: above, token: enrol }).enrolNode(id).catch((error) => {
    if (!(error instanceof ProblemError) || ![401, 404].includes(error.problem.status)) throw error;
    throw new Error(
      `${above} does not take this enrolment token: it is valid once, for 15 minutes. Make another there: npx upriver node invite ${id}`,
    );
  });
  return newNode(above, enrolment);
}

/** Stores the keys that are valid above now: a running node starts again with them. */
export async function takeKeys(data: string): Promise<void> {
  const known = await readNode(data);
  if (!known) return;
  const { publishKeys, deploymentKeys } = await broughtUpToDate(known, undefined, () => {});
  // `node withdraw` may have changed what it shares meanwhile.
  const now = await readNode(data);
  if (now) await saveNode(data, { ...now, publishKeys, deploymentKeys });
}

/** Returns a node's state with the keys that are valid above now, and with tokens of new scopes. */
async function broughtUpToDate(
  known: NodeState,
  above: string | undefined,
  say: (line: string) => void,
): Promise<NodeState> {
  const state = { ...known, above: above ?? known.above };
  return renewed(state, await keysOf(state, say));
}

/** Asks the rung above for the keys that are valid now. A node starts without it as well, with those that it has. */
async function keysOf({ id, above, token }: NodeState, say: (line: string) => void): Promise<NodeKeys | null> {
  const client = new UpriverClient({ url: above, token, timeoutMs: keysTimeoutMs, tries: 1 });
  return client.nodeKeys(id).catch((error) => {
    const isRefused = error instanceof ProblemError && error.problem.status === 401;
    say(
      isRefused
        ? `${above} refuses the token of '${id}': it was revoked. The node serves what it has; nothing comes down or goes up.`
        : `${above} does not answer. The node starts with what it has; what waits goes up when the line returns.`,
    );
    return null;
  });
}
