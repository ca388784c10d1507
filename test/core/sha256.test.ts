import { expect, it } from "vitest";
import { sha256Hex } from "#core/hash.ts";
import { sha256OfAscii } from "#core/sha256.ts";
import { seeded } from "#test/helpers/random.ts";

it("hashes ASCII of every length up to several blocks as WebCrypto does", async () => {
  const random = seeded(4);
  for (let length = 0; length <= 200; length++) {
    const text = Array.from({ length }, () => String.fromCharCode(33 + random() * 94)).join("");
    expect(sha256OfAscii(text)).toBe(await sha256Hex(text));
  }
  expect(sha256OfAscii("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});
