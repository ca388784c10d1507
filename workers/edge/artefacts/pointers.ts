import { manifestKey, versionsPrefix } from "#core/artefacts.ts";
import type { BoundedMap } from "#core/bounded-map.ts";
import { leftMs } from "#core/clock.ts";
import { type HeadPointer, headPointerSchema, type ModelPointer, modelPointerSchema } from "#core/contract/index.ts";
import { within } from "#core/within.ts";
import { lacksMethod, registryObject } from "#objects/stubs.ts";
import { type Call, unknownModel } from "../call.ts";
import type { Expiring, KnownHead } from "../node.ts";
import { readNear } from "./near.ts";
import { readStorage } from "./storage.ts";

const pointerTtlMs = 5_000;
/** How long an isolate remembers that a region has no head. */
const headlessMs = 10 * 60_000;
/** How long regions without a head are gathered before the registry is asked about them. Most answers have left by then. */
const gatherMs = 200;
/** The pause between two such calls about a version: after a rollout, every region may be asked about. */
const confirmGapMs = 1_000;
/** How long a warm isolate waits for the registry before it serves on from memory. */
const registryTimeoutMs = 1_000;
const kvPointerCacheSeconds = 30;
/** How long others are answered by an old pointer while one request reads the new one. */
const claimMs = 1_000;

type Revised = { revision: number };

/**
 * Reads a model's pointer: from memory, then KV, then the registry. Where neither replies, the one in memory serves on.
 * Throws not-found for a model that is not published.
 */
export async function modelPointer(call: Call, model: string): Promise<ModelPointer> {
  const known = call.node.pointers.get(model);
  if (known && isFresh(known)) return known.value;
  claim(known);
  const near = modelPointerSchema.safeParse((await fromKv(call, `current/${model}`)).value);
  if (near.success) return learn(call.node.pointers, model, near.data);
  if (!known && !(await isPublished(call, model))) throw unknownModel(model);
  const registry = () => registryObject(call.env, model).pointer();
  return learn(call.node.pointers, model, await orKnown(known, registry));
}

/** Remembers a pointer that the registry returned, unless a newer one is known. */
export function learnPointer(call: Call, pointer: ModelPointer): void {
  learn(call.node.pointers, pointer.model, pointer);
}

/**
 * Reads a region's head pointer: from memory, then KV. Where KV has none the global head serves: most regions have no head,
 * and the registry is far away, so it is asked after the response. Where KV does not reply, or has what can't be read, it is
 * asked at once.
 */
export async function headPointer(call: Call, model: string, base: number, region: string): Promise<KnownHead> {
  const key = `${model}/${base}/${region}`;
  const known = call.node.headPointers.get(key);
  if (known && isFresh(known)) return known.value;
  claim(known);
  const found = await fromKv(call, `head/${key}`);
  const near = headPointerSchema.safeParse(found.value);
  if (near.success) return learn(call.node.headPointers, key, near.data);
  if (found.isReached && found.value === null) {
    const isConfirmed = leftMs(call.node.headless.get(key) ?? 0, headlessMs, Date.now()) > 0;
    if (!isConfirmed) call.later(confirmHeadless(call, key, { model, base, region }));
    const none = { revision: 0, head: null, rule: null };
    return learn(call.node.headPointers, key, isConfirmed ? none : { ...none, isAssumed: true });
  }
  const registry = () => registryObject(call.env, model).headPointer(base, region);
  return learn(call.node.headPointers, key, await orKnown(known, registry));
}

/** Asks the registry whether a region has no head, in one call with those that are asked about meanwhile. Remembers the reply. */
async function confirmHeadless(
  { env, node }: Call,
  key: string,
  { model, base, region }: { model: string; base: number; region: string },
): Promise<void> {
  node.headless.set(key, Date.now() + headlessMs);
  const gathered = node.confirming.get(`${model}/${base}`);
  // The request that gathers may have ended, and its timer with it: then this one gathers.
  const sentAt = gathered?.sendAt ?? 0;
  if (gathered && leftMs(sentAt, confirmGapMs, Date.now()) > 0) {
    gathered.regions.push(region);
    return;
  }
  const waitMs = Math.max(gatherMs, leftMs(sentAt + confirmGapMs, confirmGapMs, Date.now()));
  const own = { regions: [region], sendAt: Date.now() + waitMs };
  node.confirming.set(`${model}/${base}`, own);
  // Not beside the first answer of a new isolate either.
  await scheduler.wait(waitMs);
  // Regions that come from now on go with the next call.
  own.sendAt = Math.min(own.sendAt, Date.now());
  const keyOf = (one: string) => `${model}/${base}/${one}`;
  try {
    const found = await headPointersAt(env, model, base, own.regions);
    for (const [i, one] of own.regions.entries()) learn(node.headPointers, keyOf(one), found[i] as HeadPointer);
  } catch (error) {
    for (const one of own.regions) node.headless.delete(keyOf(one));
    console.warn(JSON.stringify({ event: "registry-unavailable", error: String(error) }));
  }
}

async function headPointersAt(env: Env, model: string, base: number, regions: string[]): Promise<HeadPointer[]> {
  const registry = registryObject(env, model);
  try {
    return await registry.headPointersAt(base, regions);
  } catch (error) {
    if (!lacksMethod(error)) throw error;
    return Promise.all(regions.map((region) => registry.headPointer(base, region)));
  }
}

/** Reads a region's head pointer from the registry where `revision` is newer than the known one. The next reply tries again. */
export async function catchUpHead(
  call: Call,
  model: string,
  base: number,
  region: string,
  revision: number,
): Promise<void> {
  const key = `${model}/${base}/${region}`;
  const known = call.node.headPointers.get(key)?.value.revision ?? 0;
  if (revision <= known) return;
  try {
    learn(call.node.headPointers, key, await registryObject(call.env, model).headPointer(base, region));
  } catch (error) {
    console.warn(JSON.stringify({ event: "registry-unavailable", error: String(error) }));
  }
}

/** Reads a region's head pointer from the registry in place of one that is spoilt; that one where it does not reply. */
export async function readHeadAgain(
  call: Call,
  model: string,
  base: number,
  region: string,
  spoilt: HeadPointer,
): Promise<HeadPointer> {
  const known = { value: spoilt, freshUntil: 0 };
  const found = await orKnown(known, () => registryObject(call.env, model).headPointer(base, region));
  return learn(call.node.headPointers, `${model}/${base}/${region}`, found);
}

/** Remembers a region's head pointer, unless a newer one is known. */
export function learnHead(call: Call, model: string, base: number, region: string, pointer: HeadPointer): void {
  learn(call.node.headPointers, `${model}/${base}/${region}`, pointer);
}

// One request reads; those that come meanwhile are answered by what is known, instead of all reading the same.
function claim(known: Expiring<unknown> | undefined): void {
  if (known) known.freshUntil = Date.now() + claimMs;
}

function isFresh({ freshUntil }: Expiring<unknown>): boolean {
  return leftMs(freshUntil, pointerTtlMs, Date.now()) > 0;
}

// An isolate never goes back to a lower revision, whatever a slow KV says.
function learn<T extends Revised>(known: BoundedMap<string, Expiring<T>>, key: string, next: T): T {
  const before = known.get(key)?.value;
  const value = before && before.revision > next.revision ? before : next;
  known.set(key, { value, freshUntil: Date.now() + pointerTtlMs });
  return value;
}

/** Returns what the registry says, within a time; where it does not reply, what is known. Throws where nothing is. */
async function orKnown<T>(known: Expiring<T> | undefined, read: () => Promise<T>): Promise<T> {
  if (!known) return read();
  try {
    return await within(registryTimeoutMs, read(), () => known.value);
  } catch (error) {
    console.warn(JSON.stringify({ event: "registry-unavailable", error: String(error) }));
    return known.value;
  }
}

/** Reads JSON from KV. A value that can't be parsed is `unreadable`, which no schema accepts. */
async function fromKv({ env, node }: Call, key: string): Promise<{ isReached: boolean; value: unknown }> {
  const near = await readNear(node, key, () => env.CACHE.get(key, { cacheTtl: kvPointerCacheSeconds }));
  if (!near.isReached) return { isReached: false, value: null };
  try {
    return { isReached: true, value: near.value === null ? null : JSON.parse(near.value) };
  } catch {
    console.warn(JSON.stringify({ event: "corrupt-pointer", key }));
    return { isReached: true, value: "unreadable" };
  }
}

/** Returns whether a model has a version in R2. */
// R2 is read before the registry: addressing an object creates it, so every name tried would create one.
export async function isPublished({ env }: Pick<Call, "env">, model: string): Promise<boolean> {
  const key = manifestKey(model, 1);
  if ((await readStorage(key, () => env.ARTEFACTS.head(key))) !== null) return true;
  if (!env.UPLINK) return false;
  // A node has only the versions that it has taken from above.
  const prefix = versionsPrefix(model);
  return (await readStorage(prefix, () => env.ARTEFACTS.list({ prefix, limit: 1 }))).objects.length > 0;
}
