import { env } from "cloudflare:workers";
import type { Operations } from "#core/cost/operations.ts";
import { RegionObject } from "#objects/region/index.ts";
import { RegistryObject } from "#objects/registry/index.ts";
import { ReviewObject } from "#objects/review/index.ts";
import { TokensObject } from "#objects/tokens/index.ts";
import { type Counted, countBilled } from "#scripts/simulate/scale/billing.ts";
import { TestRegion } from "./region.ts";

/** Counts what the Worker and its objects do that is billed, while something is done: all of this isolate. */
export async function billedOf(work: () => Promise<unknown>): Promise<Operations> {
  const counted: Partial<Record<Counted, number>> = {};
  // Any object has the classes that are counted.
  const storage = await new TestRegion("any").inside((_, state) => state.storage);
  const objects = [RegionObject, RegistryObject, ReviewObject, TokensObject];
  const samples = { storage, kv: env.CACHE, r2: env.ARTEFACTS, namespace: env.REGION, objects };
  const stop = countBilled(samples, (what, n) => {
    if (n > 0) counted[what] = (counted[what] ?? 0) + n;
  });
  try {
    await work();
  } finally {
    stop();
  }
  return counted;
}
