import type { DeviceStorage } from "./types.ts";

/** Keeps everything in memory: it is gone with the process. */
export function memoryStorage(): DeviceStorage {
  const entries = new Map<string, unknown>();
  return {
    async get(key) {
      return entries.get(key);
    },
    async list(prefix, limit = Number.POSITIVE_INFINITY) {
      const found = [...entries].filter(([key]) => key.startsWith(prefix));
      return found.sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, limit);
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
