import { type LocationHint, locationHints } from "#core/contract/index.ts";
import { regionObjectName } from "./names.ts";
import type { RegionObject } from "./region/index.ts";
import type { RegistryObject } from "./registry/index.ts";
import type { ReviewObject } from "./review/index.ts";

/** An object seen from outside: what it takes and gives are plain values, and each call is a round trip. */
type Remote<T> = {
  [K in Exclude<keyof T, "alarm" | `__${string}`>]: T[K] extends (...given: infer A) => infer R
    ? (...given: A) => Promise<Awaited<R>>
    : never;
};

/** A region's object, made near where its questions come from. */
export function regionObject(env: Env, model: string, region: string): Remote<RegionObject> {
  const isHint = (locationHints as readonly string[]).includes(region);
  const id = env.REGION.idFromName(regionObjectName(model, region));
  return env.REGION.get(id, isHint ? { locationHint: region as LocationHint } : {}) as unknown as Remote<RegionObject>;
}

/** A model's registry. */
export function registryObject(env: Env, model: string): Remote<RegistryObject> {
  return env.REGISTRY.get(env.REGISTRY.idFromName(model)) as unknown as Remote<RegistryObject>;
}

/** A model's review queue. */
export function reviewObject(env: Env, model: string): Remote<ReviewObject> {
  return env.REVIEW.get(env.REVIEW.idFromName(model)) as unknown as Remote<ReviewObject>;
}
