import type { DeviceStorage } from "./types.ts";

/** Keeps everything in memory: it is gone with the process. */
export function memoryStorage(): DeviceStorage {
  const entries = new Map<string, unknown>();
  const keysOf = (prefix: string) => [...entries.keys()].filter((key) => key.startsWith(prefix)).sort();
  return {
    async get(key) {
      return entries.get(key);
    },
    async keys(prefix) {
      return keysOf(prefix);
    },
    async list(prefix, limit) {
      return keysOf(prefix)
        .slice(0, limit)
        .map((key) => [key, entries.get(key)]);
    },
    async write(changes) {
      for (const [key, value] of changes) {
        if (value === undefined) entries.delete(key);
        else entries.set(key, structuredClone(value));
      }
    },
    close() {},
  };
}
