import { type LocationHint, locationHints } from "#core/contract/index.ts";
import { RungUnavailableError } from "#core/rung/rung.ts";
import { regionObjectName } from "./names.ts";
import type { RegionApi } from "./region/api.ts";
import type { RegistryApi } from "./registry/api.ts";
import type { ReviewApi } from "./review/api.ts";
import { type TokensApi, tokensObjectName } from "./tokens/api.ts";
import { type UplinkApi, uplinkObjectName } from "./uplink/api.ts";

/** An object as its callers see it: each method is a round trip to where the object lives. */
export type Remote<Api> = {
  [Name in keyof Api]: Api[Name] extends (...values: infer Values) => infer Reply
    ? (...values: Values) => Promise<Awaited<Reply>>
    : never;
};

/** A region's object, created near its callers where the region is one of the platform's locations. */
export function regionObject(env: Env, model: string, region: string): Remote<RegionApi> {
  const isHint = (locationHints as readonly string[]).includes(region);
  const options = isHint ? { locationHint: region as LocationHint } : {};
  return stubOf<RegionApi>(env, env.REGION, regionObjectName(model, region), options);
}

/** A model's registry. */
export function registryObject(env: Env, model: string): Remote<RegistryApi> {
  return stubOf<RegistryApi>(env, env.REGISTRY, model);
}

/** A model's review queue. */
export function reviewObject(env: Env, model: string): Remote<ReviewApi> {
  return stubOf<ReviewApi>(env, env.REVIEW, model);
}

/** The deployment's tokens and its audit log. */
export function tokensObject(env: Env): Remote<TokensApi> {
  return stubOf<TokensApi>(env, env.TOKENS, tokensObjectName);
}

/** The connection to the rung above, which only a node has; null elsewhere. */
export function uplinkObject(env: Env): Remote<UplinkApi> | null {
  return env.UPLINK ? stubOf<UplinkApi>(env, env.UPLINK, uplinkObjectName) : null;
}

/** Tells whether a call failed because its object runs a release that does not have the method yet. */
export function lacksMethod(error: unknown): boolean {
  return String(error).includes("does not implement the method");
}

// The runtime retries what is retryable by itself. Other errors go to the caller: a loop here would multiply the retries.
function stubOf<Api>(
  env: Env,
  whole: Namespace,
  name: string,
  options: DurableObjectNamespaceGetDurableObjectOptions = {},
): Remote<Api> {
  const namespace = within(env, whole);
  return namespace.get(namespace.idFromName(name), options) as unknown as Remote<Api>;
}

type Namespace = Pick<DurableObjectNamespace, "get" | "idFromName" | "jurisdiction">;

/** The values of the setting JURISDICTION; empty for none. */
export const jurisdictions = ["eu", "us", "fedramp"] as const;

// The same name is another object in each jurisdiction, and another without one.
function within(env: Env, namespace: Namespace): Namespace {
  const wanted = env.JURISDICTION ?? "";
  if (wanted === "") return namespace;
  const known = jurisdictions.find((one) => one === wanted);
  if (!known) throw new Error(`JURISDICTION must be empty or one of ${jurisdictions.join(", ")}`);
  try {
    return namespace.jurisdiction(known);
  } catch (cause) {
    // workerd outside Cloudflare has no jurisdictions. Objects without one would be where the setting forbids.
    const reason = `JURISDICTION is '${known}', and this runtime has no jurisdictions: nothing is read or stored. Leave it empty here.`;
    throw new RungUnavailableError(reason, { cause });
  }
}
