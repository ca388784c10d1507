import { describe, expect, it } from "vitest";
import { ArtefactError, blobsOf, checkBlob, checkManifest, isArtefactError, OldFormatError } from "#core/artefacts.ts";
import { sha256Hex } from "#core/hash.ts";
import { testKeys } from "../helpers/keys.ts";
import { testModel } from "../helpers/model.ts";

describe("artefacts", () => {
  it("returns a blob whose bytes have its hash, and names the blob otherwise", async () => {
    const bytes = new TextEncoder().encode("abc").buffer as ArrayBuffer;
    const sha256 = await sha256Hex(bytes);
    expect(await checkBlob({ sha256 }, bytes)).toBe(bytes);
    await expect(checkBlob({ sha256: "0".repeat(64) }, bytes)).rejects.toThrow(`blobs/${"0".repeat(64)}`);
    await expect(checkBlob({ sha256 }, null)).rejects.toThrow(ArtefactError);
  });

  it("returns a manifest that a pinned key signed, and rejects every other document", async () => {
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

  it("rejects a manifest of version 0.1 and names the command that resets it", async () => {
    const { manifest } = await testModel();
    const document = JSON.stringify({ ...manifest, format: "upriver/1" });
    const error = await checkManifest("shop", 1, document, testKeys.publish.publicKeys).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(OldFormatError);
    expect(isArtefactError(error)).toBe(true);
    expect(error.message).toBe(
      "Artefact models/shop/versions/1.json: it has the format upriver/1, which this release does not read: run 'npm run reset', or upgrade a deployment as in OPERATIONS.md",
    );
  });
});
