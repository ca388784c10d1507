import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import type { DeviceStorage } from "./types.ts";

const suffix = ".entry";
/** Names of files may have 255 bytes. */
const nameMaxChars = 240;

/** Keeps entries as files of a folder, for a device in Node. One process at a time may use a folder. */
export async function fileStorage(folder: string): Promise<DeviceStorage> {
  await mkdir(folder, { recursive: true });
  const pathOf = (key: string) => {
    const name = encodeURIComponent(key);
    if (name.length > nameMaxChars) throw new Error(`The key '${key}' is too long for a file's name.`);
    return join(folder, `${name}${suffix}`);
  };
  const read = async (key: string): Promise<unknown> => {
    const bytes = await readFile(pathOf(key)).catch(() => null);
    return bytes === null ? undefined : deserialize(bytes);
  };
  const writeAll = async (changes: Parameters<DeviceStorage["write"]>[0]) => {
    for (const [key, value] of changes) {
      if (value === undefined) continue;
      // Whole or not at all, whenever the process ends.
      const partial = `${pathOf(key)}.partial`;
      await writeFile(partial, serialize(value));
      await rename(partial, pathOf(key));
    }
    for (const [key, value] of changes) if (value === undefined) await rm(pathOf(key), { force: true });
  };
  const keysOf = async (prefix: string) => {
    const keys = (await readdir(folder)).flatMap((file) =>
      file.endsWith(suffix) ? [decodeURIComponent(file.slice(0, -suffix.length))] : [],
    );
    return keys.filter((key) => key.startsWith(prefix)).sort();
  };
  let last: Promise<void> = Promise.resolve();
  return {
    get: read,
    keys: keysOf,
    async list(prefix, limit) {
      const keys = (await keysOf(prefix)).slice(0, limit);
      return Promise.all(keys.map(async (key): Promise<[string, unknown]> => [key, await read(key)]));
    },
    write(changes) {
      // One after another: two of them may have a key in common.
      const done = last.then(() => writeAll(changes));
      last = done.catch(() => {});
      return done;
    },
    close() {},
  };
}
