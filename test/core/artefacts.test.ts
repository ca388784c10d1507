import { describe, expect, it } from "vitest";
import { ArtefactError, blobsOf, checkBlob, checkManifest } from "#core/artefacts.ts";
import { sha256Hex } from "#core/hash.ts";
import { testKeys } from "../helpers/keys.ts";
import { testModel } from "../helpers/model.ts";

describe("artefacts", () => {
  it("are what their name says, or an error that says which is not", async () => {
    const bytes = new TextEncoder().encode("abc").buffer as ArrayBuffer;
    const sha256 = await sha256Hex(bytes);
    expect(await checkBlob({ sha256 }, bytes)).toBe(bytes);
    await expect(checkBlob({ sha256: "0".repeat(64) }, bytes)).rejects.toThrow(`blobs/${"0".repeat(64)}`);
    await expect(checkBlob({ sha256 }, null)).rejects.toThrow(ArtefactError);
  });

  it("of manifests: read when a pinned key signed them", async () => {
    const { manifest, blobs } = await testModel();
    const keys = testKeys.publish.publicKeys;
    const text = JSON.stringify(manifest);
    expect(await checkManifest("shop", 1, text, keys)).toEqual(manifest);
    expect(blobsOf(manifest).map(({ sha256 }) => blobs.has(sha256))).toEqual(Array(6).fill(true));
    const wrong: [string, number, string | null][] = [
      ["shop", 1, null],
      ["shop", 1, "{"],
      ["shop", 2, text],
      ["other", 1, text],
      ["shop", 1, JSON.stringify({ ...manifest, labels: ["a", "b", "d"] })],
      ["shop", 1, JSON.stringify({ ...manifest, labels: ["a", "a", "b"] })],
    ];
    for (const [model, version, document] of wrong)
      await expect(checkManifest(model, version, document, keys)).rejects.toThrow(ArtefactError);
    await expect(checkManifest("shop", 1, text, {})).rejects.toThrow(/not pinned/);
  });
});
