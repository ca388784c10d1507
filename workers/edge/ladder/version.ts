import { isArtefactError, manifestKey } from "#core/artefacts.ts";
import type { ClassifyManifest, Manifest, ModelPointer } from "#core/contract/index.ts";
import { hmacUnit } from "#core/hash.ts";
import { FaultError } from "#core/http/fault.ts";
import { own } from "#core/own.ts";
import { isListed } from "#core/region.ts";
import { ModelRung, type RegionalServing } from "#core/rung/model-rung.ts";
import { inheritedServing, withoutHead } from "#core/rung/regional-serving.ts";
import { RungUnavailableError } from "#core/rung/rung.ts";
import { classifierOf, headOf, manifestOf, networkOf } from "../artefacts/models.ts";
import { headPointer, modelPointer, readHeadAgain } from "../artefacts/pointers.ts";
import { type Call, unknownModel } from "../call.ts";
import type { KnownHead } from "../node.ts";

/** The version of a region's labels, retrains and heads: the stable one, or the one that the region is held back on. */
export function baseFor({ stable, heldBack, model }: ModelPointer, region: string): number {
  const base = own(heldBack, region) ?? stable;
  if (base === null) throw unknownModel(model);
  return base;
}

/** Chooses the version that answers a caller: sticky for a canary; a region that is held back stays on its version. */
export async function versionFor(pointer: ModelPointer, caller: string, region: string): Promise<number> {
  const { canary, heldBack } = pointer;
  const base = baseFor(pointer, region);
  if (own(heldBack, region) !== undefined) return base;
  const isCanary = canary && hmacUnit(pointer.model, caller) < canary.share;
  return isCanary ? canary.version : base;
}

/** Reads a model's pointer. Throws not-found where no version is rolled out. */
export async function servedPointer(call: Call, model: string): Promise<ModelPointer> {
  const pointer = await modelPointer(call, model);
  if (pointer.stable === null) throw unknownModel(model);
  return pointer;
}

/** Builds the edge's rung for one version, with the heads of the given regions. */
export async function edgeRung(
  call: Call,
  manifest: ClassifyManifest,
  regions: readonly string[],
  group: ModelPointer["group"],
): Promise<ModelRung> {
  const serving = new Map<string, RegionalServing>();
  const reading = regions.map(async (region) => {
    const served = await servingIn(call, manifest, region);
    const isOpened = !isListed(manifest.policy.regions, region);
    const isInherited = isOpened && !served.head && !served.degraded;
    const { parent } = manifest.policy.regions;
    const inherits = isInherited ? await servingIn(call, manifest, parent) : null;
    serving.set(region, inherits ? inheritedServing(parent, inherits, served.rule) : served);
  });
  await Promise.all([...reading, networkOf(call, manifest)]);
  // From memory, last, so that nothing can push the network out of it between here and its use.
  const network = await networkOf(call, manifest);
  return new ModelRung({
    ...{ name: "edge", manifest, network },
    servingOf: (region) => serving.get(region) ?? null,
    group: group?.base === manifest.version ? group.certificate : null,
  });
}

async function servingIn(call: Call, manifest: ClassifyManifest, region: string): Promise<RegionalServing> {
  const known = await headPointer(call, manifest.model, manifest.version, region);
  const serving = await servingOf(call, manifest, region, known);
  // A pointer that KV spoilt: the registry has the signed one.
  if (!serving.isPointer) return serving;
  return servingOf(call, manifest, region, await readHeadAgain(call, manifest.model, manifest.version, region, known));
}

async function servingOf(
  call: Call,
  manifest: ClassifyManifest,
  region: string,
  { head, rule, isAssumed = false }: KnownHead,
): Promise<RegionalServing & { isPointer?: boolean }> {
  if (!head) return { head: null, rule, ...(isAssumed ? { isAssumed } : {}) };
  const loaded = await headOf(call, manifest, head);
  if ("weights" in loaded) return { head: { manifest: head, weights: loaded.weights }, rule };
  const { fault, isPointer } = loaded;
  return { ...withoutHead(manifest, { region, rule: rule ?? head.rule, fault }), isPointer };
}

/** Loads a version's manifest and rung; where it is broken, those of the last good version. */
export function loadVersion(
  call: Call,
  pointer: ModelPointer,
  version: number,
  regions: readonly string[],
): Promise<{ manifest: ClassifyManifest; rung: ModelRung }> {
  return orLastGood(pointer, version, (tried) => loadExactly(call, pointer, tried, regions));
}

/** Loads a version's manifest and rung, without a fallback. */
export async function loadExactly(
  call: Call,
  { model, group }: ModelPointer,
  version: number,
  regions: readonly string[],
): Promise<{ manifest: ClassifyManifest; rung: ModelRung }> {
  const manifest = await classifierOf(call, model, version);
  return { manifest, rung: await edgeRung(call, manifest, regions, group) };
}

/** Reads the manifest of the version that a request names. Throws not-found where there is none. */
export async function numberedManifest(
  call: Call,
  model: string,
  number: string,
  read = manifestOf,
): Promise<Manifest> {
  const version = /^[1-9]\d{0,8}$/.test(number) ? Number(number) : null;
  const isKnown = version !== null && (await call.env.ARTEFACTS.head(manifestKey(model, version)));
  if (isKnown) return read(call, model, version);
  throw new FaultError({
    kind: "not-found",
    what: `version '${number}' of model '${model}'`,
    next: "GET /v1/models/{model}/versions lists them.",
  });
}

/** A model as one request sees it: read once, so that the request never sees two pointers. */
export interface Resolved {
  pointer: ModelPointer;
  /** Of the stable version; where it is broken, of the last good one. */
  manifest: Manifest;
}

/** Reads a model's pointer and manifest, once a request. Throws not-found where no version is rolled out. */
export async function resolveModel(call: Call, model: string): Promise<Resolved> {
  const pointer = await servedPointer(call, model);
  const manifest = await orLastGood(pointer, pointer.stable as number, (version) => manifestOf(call, model, version));
  return { pointer, manifest };
}

/** Loads a version; where its artefacts or the storage fail, the last good one. */
export async function orLastGood<T>(
  pointer: ModelPointer,
  version: number,
  load: (version: number) => Promise<T>,
): Promise<T> {
  try {
    return await load(version);
  } catch (error) {
    // A programming error is the same on every version: only what was read may be at fault.
    if (!isArtefactError(error) && !(error instanceof RungUnavailableError)) throw error;
    const lastGood = [pointer.stable, pointer.previous].find((other) => other !== null && other !== version);
    console.error(JSON.stringify({ event: "version-broken", model: pointer.model, version, error: String(error) }));
    if (lastGood === undefined || lastGood === null) throw error;
    return load(lastGood);
  }
}
