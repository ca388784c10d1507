import { BoundedMap } from "#core/bounded-map.ts";

const entriesMax = 20_000;
/** Larger values, such as blobs, are read from the disk, which is as near. */
const valueMaxBytes = 64 * 1024;

/** What Upriver uses of KV, in memory: nothing in it is the truth, and registries fill it again after a start. */
export function cacheInMemory(): KVNamespace {
  const values = new BoundedMap<string, string>(entriesMax);
  const read = (key: string, options?: unknown) => {
    const type = typeof options === "string" ? options : (options as { type?: string } | undefined)?.type;
    const value = values.get(key) ?? null;
    if (value === null || type === undefined || type === "text") return value;
    // Only texts are kept.
    return type === "json" ? JSON.parse(value) : null;
  };
  const cache = {
    get: async (keys: string | string[], options?: unknown) =>
      Array.isArray(keys) ? new Map(keys.map((key) => [key, read(key, options)])) : read(keys, options),
    put: async (key: string, value: unknown) => {
      if (typeof value === "string" && value.length <= valueMaxBytes) values.set(key, value);
      else values.delete(key);
    },
    delete: async (key: string) => void values.delete(key),
  };
  return cache as unknown as KVNamespace;
}
