import { describe, expect, it } from "vitest";
import { ArtefactError, blobsOf, checkBlob, checkManifest } from "../../workers/core/artefacts.ts";
import { askSchema, manifestSchema, type Regions, versionName } from "../../workers/core/contract/index.ts";
import { equalConstantTime, hmacUnit, sha256Hex } from "../../workers/core/hash.ts";
import { mintId, parseId } from "../../workers/core/ids.ts";
import { checkRegion, regionOf } from "../../workers/core/region.ts";
import { generateKeys, sign, signatureFault } from "../../workers/core/sign.ts";
import { findToken, hasScope, mayUseModel, mayUseRegion, parseTokens, type Token } from "../../workers/core/tokens.ts";
import { testKeys } from "../helpers/keys.ts";
import { testModel } from "../helpers/model.ts";

describe("hashes", () => {
  it("are the published ones", async () => {
    // FIPS 180-4: the digest of "abc".
    expect(await sha256Hex("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    // RFC 4231, test case 2: the digest begins 5bdcc146 bf60754e.
    const unit = await hmacUnit("Jefe", "what do ya want for nothing?");
    expect(unit).toBeCloseTo(0x5bdcc146 / 2 ** 32, 8);
  });

  it("are compared whole", () => {
    expect([equalConstantTime("abc", "abc"), equalConstantTime("abc", "abd"), equalConstantTime("abc", "ab")]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe("ids", () => {
  it("name their model and region, and no two are alike", () => {
    const address = { model: "weather", region: "Alice Springs" };
    expect(parseId(mintId(address))).toEqual({ ok: true, value: address });
    expect(new Set(Array.from({ length: 1_000 }, () => mintId(address))).size).toBe(1_000);
    for (const bad of ["", "weather", "a~b", "a~~c", "a~b~c~d", "a~%zz~c"]) expect(parseId(bad).ok).toBe(false);
  });
});

describe("signatures", () => {
  type Document = { signature?: { keyId: string; ed25519: string } | undefined; a: unknown; b: number };
  const document: Document = { b: 2, a: [1, { z: null, y: "ö" }] };

  it("hold for the document, in whatever order its parts are written, and for no other", async () => {
    const { signing, publicKeys } = await generateKeys("one");
    const signed = await sign(document, signing);
    expect(await signatureFault(signed, publicKeys)).toBeNull();
    const reordered: Document = { signature: signed.signature, a: [1, { y: "ö", z: null }], b: 2 };
    expect(Object.keys(reordered)).not.toEqual(Object.keys(signed));
    expect(await signatureFault(reordered, publicKeys)).toBeNull();
    const changed: Document[] = [
      { ...signed, b: 3 },
      { ...signed, a: [1, { z: null, y: "o" }] },
    ];
    for (const other of changed) expect(await signatureFault(other, publicKeys)).toMatch(/does not match/);
    const added = { ...signed, c: 1 };
    expect(await signatureFault(added, publicKeys)).toMatch(/does not match/);
    expect(await signatureFault(document, publicKeys)).toMatch(/not signed/);
  });

  it("are those of pinned keys alone, two of which may be valid", async () => {
    const [old, next, other] = [await generateKeys("old"), await generateKeys("next"), await generateKeys("other")];
    const pinned = { ...old.publicKeys, ...next.publicKeys };
    expect(await signatureFault(await sign(document, old.signing), pinned)).toBeNull();
    expect(await signatureFault(await sign(document, next.signing), pinned)).toBeNull();
    expect(await signatureFault(await sign(document, other.signing), pinned)).toMatch(/not pinned/);
    const forged = await sign(document, { ...other.signing, keyId: "old" });
    expect(await signatureFault(forged, pinned)).toMatch(/does not match/);
    expect(await signatureFault({ signature: { keyId: "old", ed25519: "%%%" } }, pinned)).toMatch(/can't be read/);
  });
});

describe("tokens", () => {
  const sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  const token: Token = { id: "app", sha256, scopes: ["ask"], models: ["shop"], regions: ["north"] };

  it("are found by their hash, from a well-formed header alone", async () => {
    expect(await findToken([token], "Bearer abc")).toEqual(token);
    for (const bad of [
      null,
      "",
      "abc",
      "Basic abc",
      "Bearer ",
      "Bearer abd",
      "Bearer a b",
      `Bearer ${"a".repeat(600)}`,
    ]) {
      expect(await findToken([token], bad)).toBeNull();
    }
  });

  it("have scopes, models and regions", () => {
    expect([hasScope(token, "ask"), hasScope(token, "teach")]).toEqual([true, false]);
    expect(hasScope({ ...token, scopes: ["admin"] }, "publish")).toBe(true);
    expect([
      mayUseModel(token, "shop"),
      mayUseModel(token, "other"),
      mayUseModel({ ...token, models: ["*"] }, "other"),
    ]).toEqual([true, false, true]);
    expect([mayUseRegion(token, "north"), mayUseRegion(token, "south")]).toEqual([true, false]);
  });

  it("that can't be read name the option, and none of the secret", () => {
    expect(() => parseTokens("UPRIVER_TOKENS", '[{"id":"secret-id"}]')).toThrow(/UPRIVER_TOKENS must be/);
    expect(() => parseTokens("UPRIVER_TOKENS", "secret-text")).not.toThrow(/secret-text/);
    expect(parseTokens("UPRIVER_TOKENS", JSON.stringify([{ id: "a", sha256, scopes: [] }]))[0]?.models).toEqual(["*"]);
  });
});

describe("regions", () => {
  const clues = { cf: "weur", header: (name: string) => (name === "x-shop" ? "south" : null) };
  const regions: Regions = { from: "cf", keys: ["weur", "south", "north"], parent: "world" };

  it("come from the network, a header or a field; an unlisted one falls to the parent", () => {
    expect(regionOf(regions, {}, clues)).toBe("weur");
    expect(regionOf({ ...regions, from: "header", name: "x-shop" }, {}, clues)).toBe("south");
    expect(regionOf({ ...regions, from: "header", name: "x-other" }, {}, clues)).toBe("world");
    expect(regionOf({ ...regions, from: "field", name: "shop" }, { shop: "north" }, clues)).toBe("north");
    expect(regionOf({ ...regions, from: "field", name: "shop" }, { shop: "moon" }, clues)).toBe("world");
    expect(regionOf({ ...regions, from: "field", name: "shop" }, [1], clues)).toBe("world");
    expect([checkRegion(regions, "world").ok, checkRegion(regions, "moon").ok]).toEqual([true, false]);
  });
});

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

describe("the contract", () => {
  it("takes one way of asking at a time", () => {
    const takes = (body: unknown) => askSchema.safeParse(body).success;
    expect([
      takes({ instance: { x: 1 } }),
      takes({ instances: [[1, [2]]] }),
      takes({ questions: [{ instance: {} }] }),
    ]).toEqual([true, true, true]);
    expect([
      takes({}),
      takes({ instance: {}, instances: [{}] }),
      takes({ instances: [] }),
      takes({ instance: "x" }),
    ]).toEqual([false, false, false, false]);
  });

  it("refuses manifests that do not hang together", async () => {
    const { manifest } = await testModel();
    const takes = (change: object) => manifestSchema.safeParse({ ...manifest, ...change }).success;
    expect(takes({})).toBe(true);
    expect(takes({ labels: ["a", "b"] })).toBe(false);
    expect(takes({ model: "Not A Name" })).toBe(false);
    expect(takes({ extra: 1 })).toBe(false);
    const head = { ...manifest.thin.head, width: 6 };
    expect(takes({ thin: { ...manifest.thin, head } })).toBe(false);
  });

  it("names versions", () => {
    expect([versionName(7), versionName(7, { region: "weur", number: 3 })]).toEqual(["7", "7+weur.3"]);
  });
});
