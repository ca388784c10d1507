import { expect, it } from "vitest";
import { fromBase64 } from "#core/bytes.ts";
import inks from "#edge/images/inks.json" with { type: "json" };
import { inksText } from "#scripts/build-inks.ts";

it("the colours of CMYK pictures are those of libvips: node scripts/build-inks.ts writes them", async () => {
  const made = JSON.parse(await inksText()) as typeof inks;
  expect(made.levels).toBe(inks.levels);
  const [found, wanted] = [fromBase64(inks.srgb), fromBase64(made.srgb)];
  expect(found.length).toBe(3 * inks.levels ** 4);
  // Another processor may round otherwise.
  expect(found.every((value, i) => Math.abs(value - (wanted[i] as number)) <= 1)).toBe(true);
});
