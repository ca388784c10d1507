import { type LocationHint, locationHints } from "#core/contract/index.ts";
import { regionObjectName } from "./names.ts";
import type { RegionApi } from "./region/api.ts";
import type { RegistryApi } from "./registry/api.ts";
import type { ReviewApi } from "./review/api.ts";
import { type TokensApi, tokensObjectName } from "./tokens/api.ts";

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
  return stubOf<RegionApi>(env.REGION, regionObjectName(model, region), options);
}

/** A model's registry. */
export function registryObject(env: Env, model: string): Remote<RegistryApi> {
  return stubOf<RegistryApi>(env.REGISTRY, model);
}

/** A model's review queue. */
export function reviewObject(env: Env, model: string): Remote<ReviewApi> {
  return stubOf<ReviewApi>(env.REVIEW, model);
}

/** The deployment's tokens and its audit log. */
export function tokensObject(env: Env): Remote<TokensApi> {
  return stubOf<TokensApi>(env.TOKENS, tokensObjectName);
}

// The runtime retries what is retryable by itself. Other errors go to the caller: a loop here would multiply the retries.
function stubOf<Api>(
  namespace: Pick<DurableObjectNamespace, "get" | "idFromName">,
  name: string,
  options: DurableObjectNamespaceGetDurableObjectOptions = {},
): Remote<Api> {
  return namespace.get(namespace.idFromName(name), options) as unknown as Remote<Api>;
}
