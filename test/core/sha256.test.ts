import { describe, expect, it } from "vitest";
import { hmacHex, hmacUnit, sha256Hex, toHex } from "#core/hash.ts";
import { hmacSha256, sha256 } from "#core/sha256.ts";
import { seeded } from "../helpers/random.ts";

const bytesOf = (length: number, random: () => number) => Uint8Array.from({ length }, () => Math.floor(256 * random()));

describe("SHA-256", () => {
  it("is WebCrypto's for every length up to five blocks", async () => {
    const random = seeded(7);
    for (let length = 0; length <= 320; length++) {
      const bytes = bytesOf(length, random);
      expect(toHex(sha256(bytes).buffer), `${length} bytes`).toBe(toHex(await crypto.subtle.digest("SHA-256", bytes)));
    }
  });

  it("is that of FIPS 180-4, for long data as well", async () => {
    expect(await sha256Hex("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const million = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    expect(await sha256Hex("a".repeat(1_000_000))).toBe(million);
    expect(toHex(sha256(new Uint8Array(1_000_000).fill(97)).buffer)).toBe(million);
  });
});

describe("HMAC-SHA-256", () => {
  it("is WebCrypto's for keys and texts of any length", async () => {
    const random = seeded(8);
    for (const keyLength of [1, 20, 63, 64, 65, 200]) {
      const raw = bytesOf(keyLength, random);
      const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
      const own = hmacSha256(raw);
      for (const length of [0, 1, 54, 55, 56, 63, 64, 65, 119, 120, 300]) {
        const bytes = bytesOf(length, random);
        expect(toHex(own(bytes).buffer)).toBe(toHex(await crypto.subtle.sign("HMAC", key, bytes)));
      }
    }
  });

  it("gives the same number for a secret and a text as earlier releases did", async () => {
    expect(await hmacHex("key", "The quick brown fox jumps over the lazy dog")).toBe(
      "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
    );
    expect(await hmacUnit("key", "The quick brown fox jumps over the lazy dog")).toBe(0xf7bc83f430538 / 2 ** 52);
  });
});
