import { describe, expect, it, vi } from "vitest";
import { ArtefactError } from "#core/artefacts.ts";
import type { ModelPointer } from "#core/contract/index.ts";
import { RungUnavailableError } from "#core/rung/rung.ts";
import { readStorage } from "#edge/artefacts/storage.ts";
import { orLastGood } from "#edge/ladder/version.ts";

const pointer: ModelPointer = { model: "m", revision: 3, stable: 2, previous: 1, canary: null, heldBack: {} };

describe("a version that can't be loaded", () => {
  const load = (error: Error) =>
    vi.fn(async (version: number) => {
      if (version === 2) throw error;
      return version;
    });

  it("falls back to the last good version when an artefact or the storage fails", async () => {
    const storageError = await readStorage("key", () => Promise.reject(new Error("10001"))).catch((error) => error);
    expect(storageError).toBeInstanceOf(RungUnavailableError);
    for (const error of [new ArtefactError("blobs/0", "it is not there"), storageError]) {
      expect(await orLastGood(pointer, 2, load(error))).toBe(1);
    }
  });

  it("throws a programming error and loads no other version", async () => {
    const failing = load(new TypeError("undefined is not a function"));
    await expect(orLastGood(pointer, 2, failing)).rejects.toThrow(TypeError);
    expect(failing).toHaveBeenCalledTimes(1);
  });
});
