import { manifestKey } from "#core/artefacts.ts";
import type { ClassifyManifest, Manifest, ModelPointer } from "#core/contract/index.ts";
import { hmacUnit } from "#core/hash.ts";
import { FaultError } from "#core/http/fault.ts";
import { ModelRung, type RegionalServing } from "#core/rung/model-rung.ts";
import { classifierOf, headOf, manifestOf, networkOf } from "../artefacts/models.ts";
import { headPointer, modelPointer } from "../artefacts/pointers.ts";
import { type Call, unknownModel } from "../call.ts";

/** The version that a region's labels, runs and heads belong to: the stable one, or the one it is held on. */
export function baseFor({ stable, heldBack, model }: ModelPointer, region: string): number {
  const base = heldBack[region] ?? stable;
  if (base === null) throw unknownModel(model);
  return base;
}

/** The version that a caller's question from a region is answered with: sticky for a canary, held where not ready. */
export async function versionFor(pointer: ModelPointer, caller: string, region: string): Promise<number> {
  const { canary, heldBack } = pointer;
  const base = baseFor(pointer, region);
  if (heldBack[region] !== undefined) return base;
  const isCanary = canary && (await hmacUnit(pointer.model, caller)) < canary.share;
  return isCanary ? canary.version : base;
}

/** The model's pointer; throws not-found where no version serves anybody yet. */
export async function servedPointer(call: Call, model: string): Promise<ModelPointer> {
  const pointer = await modelPointer(call, model);
  if (pointer.stable === null) throw unknownModel(model);
  return pointer;
}

/** The thin model's rung for one version, with the heads of the given regions. */
export async function edgeRung(call: Call, manifest: ClassifyManifest, regions: readonly string[]): Promise<ModelRung> {
  const serving = new Map<string, RegionalServing>();
  await Promise.all(
    regions.map(async (region) => {
      const { head, rule } = await headPointer(call, manifest.model, manifest.version, region);
      const weights = head && (await headOf(call, manifest, head));
      serving.set(region, { head: weights && { manifest: head, weights }, rule });
    }),
  );
  // Last, so that nothing can push the network out of memory between here and its use.
  const network = await networkOf(call, manifest);
  return new ModelRung({ name: "edge", manifest, network, servingOf: (region) => serving.get(region) ?? null });
}

/** A version's manifest and rung; where it is broken, those of the last version that was good. */
export function loadVersion(
  call: Call,
  pointer: ModelPointer,
  version: number,
  regions: readonly string[],
): Promise<{ manifest: ClassifyManifest; rung: ModelRung }> {
  return orLastGood(pointer, version, (tried) => loadExactly(call, pointer, tried, regions));
}

/** A version's manifest and rung, and no other's. */
export async function loadExactly(
  call: Call,
  { model }: ModelPointer,
  version: number,
  regions: readonly string[],
): Promise<{ manifest: ClassifyManifest; rung: ModelRung }> {
  const manifest = await classifierOf(call, model, version);
  return { manifest, rung: await edgeRung(call, manifest, regions) };
}

/** The manifest of the version that a request names by its number; throws not-found where there is none. */
export async function numberedManifest(call: Call, model: string, number: string): Promise<Manifest> {
  const version = /^[1-9]\d{0,8}$/.test(number) ? Number(number) : null;
  const isKnown = version !== null && (await call.env.ARTEFACTS.head(manifestKey(model, version)));
  if (isKnown) return manifestOf(call, model, version);
  throw new FaultError({
    kind: "not-found",
    what: `version '${number}' of model '${model}'`,
    next: "GET /v1/models/{model}/versions lists them.",
  });
}

/** The stable version's manifest; where it is broken, that of the last version that was good. */
export function servedManifest(call: Call, pointer: ModelPointer): Promise<Manifest> {
  return orLastGood(pointer, pointer.stable as number, (version) => manifestOf(call, pointer.model, version));
}

/** Loads a version, or where it is broken the last one that was good. */
export async function orLastGood<T>(
  pointer: ModelPointer,
  version: number,
  load: (version: number) => Promise<T>,
): Promise<T> {
  try {
    return await load(version);
  } catch (error) {
    const lastGood = [pointer.stable, pointer.previous].find((other) => other !== null && other !== version);
    console.error(JSON.stringify({ event: "version-broken", model: pointer.model, version, error: String(error) }));
    if (lastGood === undefined || lastGood === null) throw error;
    return load(lastGood);
  }
}
