import { DeviceError } from "./errors.ts";
import type { DeviceStorage } from "./types.ts";

const store = "entries";

/** Keeps entries in a database of IndexedDB, which the pages of an origin share. */
export async function indexedStorage(name: string): Promise<DeviceStorage> {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(store);
  const database = await resultOf(opening);
  // Another page deletes it: this one must not hold it open.
  database.onversionchange = () => database.close();
  const begin = (mode: IDBTransactionMode) => {
    try {
      return database.transaction(store, mode);
    } catch {
      throw new DeviceError("The storage of this device is closed: a page has deleted it. Open the device again.");
    }
  };
  const reading = () => begin("readonly").objectStore(store);
  return {
    get: async (key) => resultOf(reading().get(key)),
    keys: async (prefix) => (await resultOf(reading().getAllKeys(rangeOf(prefix)))).map(String),
    async list(prefix, limit) {
      const range = rangeOf(prefix);
      const from = reading();
      const [keys, values] = await Promise.all([
        resultOf(from.getAllKeys(range, limit)),
        resultOf(from.getAll(range, limit)),
      ]);
      return keys.map((key, i) => [String(key), values[i]]);
    },
    async write(changes) {
      const transaction = begin("readwrite");
      const to = transaction.objectStore(store);
      for (const [key, value] of changes) {
        if (value === undefined) to.delete(key);
        else to.put(value, key);
      }
      return new Promise((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error ?? new Error("The browser ended a write to IndexedDB."));
      });
    },
    close: () => database.close(),
  };
}

function rangeOf(prefix: string): IDBKeyRange {
  return IDBKeyRange.bound(prefix, `${prefix}\uffff`);
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
