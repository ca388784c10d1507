import { RungUnavailableError } from "#core/rung/rung.ts";

/** Reads from R2 or KV. Throws `RungUnavailableError` where the storage fails. */
export async function readStorage<T>(key: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new RungUnavailableError(`The storage can't be read (${key}).`, { cause });
  }
}
