import sharp from "sharp";
import { describe, expect, it } from "vitest";
import type { Picture } from "#client/index.ts";
import { pictureLimits } from "#client/picture.ts";
import { headOf } from "#client/picture-head.ts";
import { resample } from "#core/image/resample.ts";
import { scalePicture } from "#scripts/local/scale-picture.ts";
import { seeded } from "../helpers/random.ts";

const modelSide = 224;
/** Limits for pictures that are quickly made. */
const smallLimits = { maxPixels: 512 * 512, maxSide: 512, maxBytes: 200_000 };

/** A photo with details of a few pixels and noise. */
function photo(width: number, height: number) {
  const random = seeded(7);
  const data = Buffer.alloc(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data[at++] = (x % 3 === 0 ? 90 : 10) + (150 * x) / width;
      data[at++] = (y % 5 < 2 ? 80 : 20) + (120 * y) / height + 20 * random();
      data[at++] = (x >> 7) % 2 === (y >> 7) % 2 ? 200 : 30;
    }
  }
  return sharp(data, { raw: { width, height, channels: 3 } });
}

async function scaled(type: string, bytes: Buffer, limits = smallLimits): Promise<Uint8Array> {
  const picture = (await scalePicture({ type, bytes }, limits)) as Exclude<Picture, Blob>;
  const found = new Uint8Array(picture.bytes);
  const head = headOf(found);
  expect(head?.type).toBe(picture.type);
  expect(Math.max(head?.width ?? 0, head?.height ?? 0)).toBeLessThanOrEqual(limits.maxSide);
  expect(found.length).toBeLessThanOrEqual(limits.maxBytes);
  return found;
}

/** What a model of 224 pixels sees of a file, as the edge shrinks it. */
async function seen(file: Uint8Array): Promise<Uint8Array | Uint8ClampedArray> {
  const { data, info } = await sharp(file).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  const pixels = { width: info.width, height: info.height, rgba: new Uint8Array(data) };
  return resample(pixels, modelSide, modelSide, "bilinear").rgba;
}

function difference(a: ArrayLike<number>, b: ArrayLike<number>) {
  const off = Array.from(a, (value, i) => Math.abs(value - (b[i] as number)));
  return { mean: off.reduce((sum, one) => sum + one, 0) / off.length, most: off.reduce((x, y) => Math.max(x, y), 0) };
}

describe("a photo on the command line", () => {
  it("of 12 megapixels is scaled to what a model would see of the original", async () => {
    const jpeg = await photo(4_000, 3_000).jpeg({ quality: 92 }).toBuffer();
    const { mean, most } = difference(await seen(await scaled("image/jpeg", jpeg, pictureLimits)), await seen(jpeg));
    expect(mean).toBeLessThan(0.5);
    expect(most).toBeLessThan(6);
  });

  it("is upright, in sRGB", async () => {
    const raw = photo(1_000, 750);
    const turned = raw.clone().rotate(90).withMetadata({ orientation: 8 }).withIccProfile("p3");
    const tagged = await turned.jpeg({ quality: 92 }).toBuffer();
    expect(await sharp(tagged).metadata()).toMatchObject({ orientation: 8, hasProfile: true });
    const found = await scaled("image/jpeg", tagged);
    expect(headOf(found)).toMatchObject({ width: 512, height: 384 });
    const { orientation, hasProfile } = await sharp(found).metadata();
    expect([orientation, hasProfile]).toEqual([undefined, false]);
    const plain = await raw.jpeg({ quality: 92 }).toBuffer();
    expect(difference(await seen(found), await seen(plain)).mean).toBeLessThan(1.5);
  });

  it("keeps what had no loss, unless it does not fit", async () => {
    const plain = await sharp({ create: { width: 1_000, height: 750, channels: 4, background: "#3a5f" } })
      .png()
      .toBuffer();
    expect(headOf(await scaled("image/png", plain))).toMatchObject({ type: "image/png" });
    const noise = Buffer.from(Array.from({ length: 600 * 600 * 3 }, seeded(3)).map((value) => 255 * value));
    const png = await sharp(noise, { raw: { width: 600, height: 600, channels: 3 } })
      .png()
      .toBuffer();
    expect(headOf(await scaled("image/png", png))).toMatchObject({ type: "image/jpeg" });
  });

  it.each(["avif", "gif", "tiff"] as const)("is converted from another type: %s", async (type) => {
    const small = sharp({ create: { width: 40, height: 30, channels: 3, background: "#2266aa" } });
    const found = await scaled(`image/${type}`, await small.toFormat(type).toBuffer());
    const [red, green, blue] = await sharp(found).removeAlpha().raw().toBuffer();
    expect(Math.abs((red as number) - 0x22) + Math.abs((green as number) - 0x66)).toBeLessThan(8);
    expect(Math.abs((blue as number) - 0xaa)).toBeLessThan(6);
  });

  it("is refused with what to do where nothing here reads it", async () => {
    const bytes = Buffer.from("\0\0\0\x18ftypheic\0\0\0\0", "latin1");
    await expect(scalePicture({ type: "image/heic", bytes }, pictureLimits)).rejects.toThrow(/Most Compatible.*sips/);
    await expect(scalePicture({ type: "image/jpeg", bytes }, pictureLimits)).rejects.toThrow(/save it as JPEG/);
  });
});
