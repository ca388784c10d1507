import { parseId } from "#core/ids.ts";
import { tokensObject } from "#objects/stubs.ts";
import type { NewAuditEntry } from "#objects/tokens/api.ts";
import { type Call, isAdmin, type Route } from "../call.ts";

/** A response waits at most so long for its act to be recorded. */
const recordTimeoutMs = 2_000;
const targetMaxChars = 200;

/** Tells whether what a call did belongs in the audit log, by its route's declaration. */
export function isAct({ audit = "never" }: Pick<Route, "audit">, call: Call): boolean {
  return call.token !== null && (audit === "always" || (audit === "admin" && isAdmin(call)));
}

/**
 * Records an act before its response is sent. An act does not fail where it can't be recorded, since it has happened: the
 * entry then goes to the Worker's log.
 */
export async function recordAct({ operation }: Route, call: Call, status: number): Promise<void> {
  const entry: NewAuditEntry = {
    at: Date.now(),
    token: call.token?.id ?? "",
    act: operation,
    ...detailsOf(call),
    status,
  };
  const recording = record(call.env, entry);
  call.later(recording);
  await Promise.race([recording, scheduler.wait(recordTimeoutMs)]);
}

async function record(env: Env, entry: NewAuditEntry): Promise<void> {
  try {
    await tokensObject(env).record(entry);
  } catch (error) {
    console.error(JSON.stringify({ event: "act-not-recorded", entry, error: String(error) }));
  }
}

/** What an act was about: by the path, unless the handler knows better. */
function detailsOf({ params, noted }: Call): Pick<NewAuditEntry, "model" | "region" | "target"> {
  const { model = null, region = null, id = null, version = null, sha256 = null } = params;
  const address = id === null ? null : parseId(id);
  const ofQuestion = address?.ok ? address.value : { model, region };
  const target = id ?? (version && `version ${version}`) ?? (sha256 && `blob ${sha256}`);
  const details = { ...ofQuestion, target, ...noted };
  return { ...details, target: details.target?.slice(0, targetMaxChars) ?? null };
}
