import { describe, expect, it } from "vitest";
import { equalConstantTime, hmacUnit, sha256Hex } from "#core/hash.ts";

describe("hashes", () => {
  it("are the published ones", async () => {
    // FIPS 180-4: the digest of "abc".
    expect(await sha256Hex("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    // RFC 4231, test case 2: the digest begins 5bdcc146 bf60754e, of which 52 bits are taken.
    const unit = await hmacUnit("Jefe", "what do ya want for nothing?");
    expect(unit).toBe(0x5bdcc146bf607 / 2 ** 52);
  });

  it("are compared whole", () => {
    expect(equalConstantTime("abc", "abc")).toBe(true);
    for (const other of ["xbc", "axc", "abx", "ab", "abcd", ""]) expect(equalConstantTime("abc", other)).toBe(false);
  });
});
