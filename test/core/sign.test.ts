import { describe, expect, it } from "vitest";
import { generateKeys, sign, signatureFault } from "#core/sign.ts";

describe("signatures", () => {
  type Document = { signature?: { keyId: string; ed25519: string } | undefined; a: unknown; b: number };
  const document: Document = { b: 2, a: [1, { z: null, y: "ö" }] };

  it("verify the same document in any key order, and no other document", async () => {
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
    expect(await signatureFault(document, publicKeys)).toMatch(/no signature/);
  });

  it("are only those of pinned keys, two of which may be valid", async () => {
    const [old, next, other] = [await generateKeys("old"), await generateKeys("next"), await generateKeys("other")];
    const pinned = { ...old.publicKeys, ...next.publicKeys };
    expect(await signatureFault(await sign(document, old.signing), pinned)).toBeNull();
    expect(await signatureFault(await sign(document, next.signing), pinned)).toBeNull();
    expect(await signatureFault(await sign(document, other.signing), pinned)).toMatch(/not pinned/);
    const forged = await sign(document, { ...other.signing, keyId: "old" });
    expect(await signatureFault(forged, pinned)).toMatch(/does not match/);
    expect(await signatureFault({ signature: { keyId: "old", ed25519: "%%%" } }, pinned)).toMatch(/cannot be decoded/);
  });
});
