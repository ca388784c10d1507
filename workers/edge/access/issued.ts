import { FaultError } from "#core/http/fault.ts";
import type { Token } from "#core/tokens.ts";
import { tokensObject } from "#objects/stubs.ts";
import type { Call } from "../call.ts";
import { readTimeoutMs } from "./token-copy.ts";

/** What reading the copy needs of a request. */
export type Access = Pick<Call, "env" | "node" | "later">;

const pollMs = 10;
/** How long uses are collected before they are sent. */
const usesFlushMs = 1_000;

/**
 * Finds the issued token with this hash, or null. A known token does not wait, unless the isolate was idle for so long that
 * a revocation might have been missed. An unknown one waits for a read of the copy, where one may begin or is under way.
 */
export async function issuedToken(access: Access, sha256: string): Promise<Token | null> {
  const { issued } = access.node;
  const now = Date.now();
  if (issued.find(sha256, now) ? issued.isStale(now) : !issued.isCurrent(now)) await untilRead(access);
  else if (issued.isDue(now)) access.later(refresh(access));
  const token = issued.find(sha256, Date.now());
  if (token ? issued.isTooOld(Date.now()) : !issued.isRecent(Date.now())) throw unreachable();
  if (token && issued.use(token.id, now, usesFlushMs)) access.later(sendUses(access));
  return token;
}

/** Reads the issued tokens, and sends the uses of the isolate along. A failure is logged, and the copy at hand stays. */
export async function refresh(access: Access): Promise<void> {
  await read(access).catch((error: unknown) => {
    const age = access.node.issued.ageAt(Date.now());
    const copyAgeMs = Number.isFinite(age) ? age : null;
    console.error(JSON.stringify({ event: "tokens-unreachable", copyAgeMs, error: String(error) }));
  });
}

/** Reads the issued tokens. Throws where their object can't be reached. */
export async function read({ env, node: { issued } }: Access): Promise<void> {
  const began = Date.now();
  const uses = issued.begin(began);
  try {
    issued.learn(await tokensObject(env).sync(issued.revision, uses), began);
  } catch (error) {
    issued.fail(uses, Date.now());
    throw error;
  }
}

/** Waits, for a bounded time, for a read that is under way, or for one that begins here. */
async function untilRead(access: Access): Promise<void> {
  const { issued } = access.node;
  if (issued.isBeingRead(Date.now())) {
    // A promise of another request can't be awaited here: its reply is seen in memory.
    for (let ms = 0; ms < readTimeoutMs && issued.isBeingRead(Date.now()); ms += pollMs) await scheduler.wait(pollMs);
  } else if (issued.mayRead(Date.now())) {
    const reading = refresh(access);
    access.later(reading);
    await Promise.race([reading, scheduler.wait(readTimeoutMs)]);
  }
}

async function sendUses(access: Access): Promise<void> {
  await scheduler.wait(usesFlushMs);
  await refresh(access);
}

function unreachable(): FaultError {
  const reason = "The deployment's tokens can't be read now, so this token can't be checked.";
  const next = "Send the request again. Tokens in UPRIVER_TOKENS need no check. 'npx upriver doctor' shows the fault.";
  return new FaultError({ kind: "unavailable", reason, next });
}
