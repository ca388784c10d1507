import { manifestKey } from "#core/artefacts.ts";
import type { BoundedMap } from "#core/bounded-map.ts";
import { type HeadPointer, headPointerSchema, type ModelPointer, modelPointerSchema } from "#core/contract/index.ts";
import { registryObject } from "#objects/stubs.ts";
import { type Call, unknownModel } from "../call.ts";
import type { Expiring } from "../node.ts";
import { readStorage } from "./storage.ts";

const pointerTtlMs = 5_000;
const kvPointerCacheSeconds = 30;
/** How long others are answered by an old pointer while one request reads the new one. */
const claimMs = 1_000;

type Revised = { revision: number };

/** Reads a model's pointer: from memory, then KV, then the registry. Throws not-found for a model that is not published. */
export async function modelPointer(call: Call, model: string): Promise<ModelPointer> {
  const known = call.node.pointers.get(model);
  if (known && known.freshUntil > Date.now()) return known.value;
  claim(known);
  const near = modelPointerSchema.safeParse(await fromKv(call, `current/${model}`));
  if (near.success) return learn(call.node.pointers, model, near.data);
  if (!known && !(await isPublished(call, model))) throw unknownModel(model);
  return learn(call.node.pointers, model, await registryObject(call.env, model).pointer());
}

/** Remembers a pointer that the registry returned, unless a newer one is known. */
export function learnPointer(call: Call, pointer: ModelPointer): void {
  learn(call.node.pointers, pointer.model, pointer);
}

/**
 * Reads a region's head pointer: from memory, then KV. Where KV has none the global head serves, until a reply of the
 * region's object carries a newer revision (`catchUpHead`): most regions have no head, and the registry is far away.
 */
export async function headPointer(call: Call, model: string, base: number, region: string): Promise<HeadPointer> {
  const key = `${model}/${base}/${region}`;
  const known = call.node.headPointers.get(key);
  if (known && known.freshUntil > Date.now()) return known.value;
  claim(known);
  const near = headPointerSchema.safeParse(await fromKv(call, `head/${key}`));
  return learn(call.node.headPointers, key, near.success ? near.data : { revision: 0, head: null, rule: null });
}

/** Reads a region's head pointer from the registry where `revision` is newer than the known one. */
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
  learn(call.node.headPointers, key, await registryObject(call.env, model).headPointer(base, region));
}

/** Remembers a region's head pointer, unless a newer one is known. */
export function learnHead(call: Call, model: string, base: number, region: string, pointer: HeadPointer): void {
  learn(call.node.headPointers, `${model}/${base}/${region}`, pointer);
}

// One request reads; those that come meanwhile are answered by what is known, instead of all reading the same.
function claim(known: Expiring<unknown> | undefined): void {
  if (known) known.freshUntil = Date.now() + claimMs;
}

// An isolate never goes back to a lower revision, whatever a slow KV says.
function learn<T extends Revised>(known: BoundedMap<string, Expiring<T>>, key: string, next: T): T {
  const before = known.get(key)?.value;
  const value = before && before.revision > next.revision ? before : next;
  known.set(key, { value, freshUntil: Date.now() + pointerTtlMs });
  return value;
}

async function fromKv({ env }: Call, key: string): Promise<unknown> {
  const text = await readStorage(key, () => env.CACHE.get(key, { cacheTtl: kvPointerCacheSeconds }));
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    console.warn(JSON.stringify({ event: "corrupt-pointer", key }));
    return null;
  }
}

// R2 is read before the registry: addressing an object creates it, so every name tried would create one.
async function isPublished({ env }: Call, model: string): Promise<boolean> {
  const key = manifestKey(model, 1);
  return (await readStorage(key, () => env.ARTEFACTS.head(key))) !== null;
}
