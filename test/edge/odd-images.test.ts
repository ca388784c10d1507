import { describe, expect, it } from "vitest";
import { concatBytes } from "#core/bytes.ts";
import type { ImageInput } from "#core/contract/index.ts";
import { FaultError, problemOf } from "#core/http/fault.ts";
import { resample } from "#core/image/resample.ts";
import { readImage } from "#edge/images/index.ts";
import { chunkOf, webpOf } from "#edge/images/riff.ts";
import { flatJpeg } from "../helpers/flat-jpeg.ts";
import { height, oddPictures, width } from "../helpers/odd-pictures.ts";
import { jpegs, losslessWebp } from "../helpers/pictures.ts";

const input = (wide = width, tall = height): ImageInput => {
  return { kind: "image", size: [tall, wide], channels: 3, scale: 1, offset: 0 };
};

async function pixelsOf(file: Uint8Array<ArrayBuffer>, as = input()): Promise<number[]> {
  return ((await readImage(new Request("https://edge.test"), file, as)) as number[][][]).flat(2);
}

const named = (name: string) => {
  const found = oddPictures.get(name);
  if (!found) throw new Error(`no picture '${name}'`);
  return found;
};

/** The chunks of a WebP that it has, in the order of the names. */
const chunksOf = (file: Uint8Array, names = ["VP8X", "ICCP", "ALPH", "VP8 ", "VP8L"]) =>
  names.flatMap((name) => chunkOf(file, 12, name) ?? []);

/** The refusal of a file, as its caller reads it. */
async function refused(file: Uint8Array<ArrayBuffer>, type = "image/jpeg"): Promise<string> {
  const request = new Request("https://edge.test", { headers: { "content-type": type } });
  const error = await readImage(request, file, input()).then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof FaultError)) throw error ?? new Error("was not refused");
  const { status, detail, next } = problemOf(error.fault, "ask");
  return `${status} ${detail} ${next}`;
}

/** The mean and the largest difference. */
function difference(found: readonly number[], wanted: ArrayLike<number>) {
  const off = found.map((value, i) => Math.abs(value - (wanted[i] as number)));
  expect(found).toHaveLength(wanted.length);
  return {
    mean: off.reduce((sum, one) => sum + one, 0) / off.length,
    most: off.reduce((most, one) => Math.max(most, one), 0),
  };
}

const cmyk = [...oddPictures.keys()].filter((name) => !/^(JPEG|PNG|WebP)|arithmetic/.test(name));

describe("a CMYK JPEG", () => {
  it.each(cmyk)("has the colours that libvips gives it: %s", async (name) => {
    const { file, srgb } = named(name);
    const { mean, most } = difference(await pixelsOf(file), srgb);
    expect(mean).toBeLessThan(2);
    expect(most).toBeLessThan(25);
  });

  it("is refused where it is corrupt or cut off, anywhere, within its size", async () => {
    for (const name of cmyk) {
      const { file } = named(name);
      const status = await refused(file.slice(0, file.length - 200)).catch((error) => `${name}: ${error}`);
      expect(status).toMatch(/^422/);
      for (let at = 2; at < file.length; at += 7) {
        const broken = file.slice();
        broken[at] = 255 - (broken[at] as number);
        // Some changes leave a valid file.
        await pixelsOf(broken).then(
          (pixels) => expect(pixels).toHaveLength(3 * width * height),
          (error) => expect(error).toBeInstanceOf(FaultError),
        );
      }
    }
  });
});

it("leaves the Worker without a location, as it was", async () => {
  await pixelsOf(named("JPEG, Display P3").file);
  await pixelsOf(named("WebP, Display P3").file);
  expect("location" in globalThis).toBe(false);
});

describe("a JPEG that is not decoded is refused by name", () => {
  const { file } = named("baseline");
  const frameAt = findMarker(file, 0xc0);
  const with_ = (at: number, value: number) => {
    const changed = file.slice();
    changed[at] = value;
    return changed;
  };

  it.each([
    ["arithmetic coding", named("arithmetic coding").file, /arithmetic coding.*Save it again/],
    ["lossless", with_(frameAt + 1, 0xc3), /a lossless JPEG/],
    ["hierarchical", with_(frameAt + 1, 0xc5), /a hierarchical JPEG/],
    ["12 bits", with_(frameAt + 4, 12), /12 bits a sample/],
    ["two components", with_(frameAt + 9, 2), /1, 3 or 4 colour components/],
  ])("%s", async (_, bytes, detail) => {
    expect(await refused(bytes)).toMatch(detail);
  });

  it("more scans than encoders write, each of which passes over the whole image", async () => {
    const { file: progressive } = named("progressive, restart markers");
    const scanAt = progressive.findLastIndex((byte, i) => byte === 0xff && progressive[i + 1] === 0xda);
    const scan = progressive.slice(scanAt, -2);
    const many = concatBytes([progressive.slice(0, -2), ...new Array<Uint8Array>(40).fill(scan)]);
    expect(await refused(many)).toMatch(/at most 32 scans/);
    // Behind a marker without a length, which a decoder skips, that would look like a segment with one.
    const hidden = concatBytes([scan, Uint8Array.from([0xff, 0x01])]);
    const behind = concatBytes([progressive.slice(0, -2), ...new Array<Uint8Array>(40).fill(hidden)]);
    expect(await refused(behind)).toMatch(/at most 32 scans/);
  });

  it("a size other than the one that was checked", async () => {
    const jpeg = jpegs[0] as Uint8Array<ArrayBuffer>;
    const at = jpeg.findIndex((byte, i) => byte === 0xff && [0xc0, 0xc1, 0xc2].includes(jpeg[i + 1] as number));
    const frame = jpeg.slice(at, at + 2 + (((jpeg[at + 2] as number) << 8) | (jpeg[at + 3] as number)));
    frame.set([0, 8, 0, 8], 5);
    // A frame header of 8 × 8 behind a marker without a length, before the real one.
    const twice = concatBytes([jpeg.slice(0, 2), Uint8Array.from([0xff, 0x01]), frame, jpeg.slice(2)]);
    expect(await refused(twice)).toMatch(/^422/);
  });

  it("a hundred thousand empty segments, whose list would fill the isolate", async () => {
    const jpeg = jpegs[0] as Uint8Array<ArrayBuffer>;
    const empty = Uint8Array.from({ length: 400_000 }, (_, i) => [0xff, 0xfe, 0, 2][i % 4] as number);
    expect(await refused(concatBytes([jpeg.slice(0, 2), empty, jpeg.slice(2)]))).toMatch(/at most 2000 segments/);
  });

  it("one that ends before its image does", async () => {
    const jpeg = jpegs[0] as Uint8Array<ArrayBuffer>;
    expect(await refused(jpeg.slice(0, -30))).toMatch(/ends before its image does/);
  });
});

function findMarker(bytes: Uint8Array, code: number): number {
  return bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === code);
}

describe("a JPEG that is shrunk to a model's size", () => {
  // From left to right 0 to 255, in every row.
  const shadeOf = (wide: number) => (x: number) => Math.round((255 * x) / (wide / 8));
  const ramp = (wide: number, tall: number) => flatJpeg(wide, tall, shadeOf(wide));
  /** One of its rows, scaled from all of its pixels. */
  const rowOf = (wide: number, toWide: number) => {
    const rgba = Uint8Array.from({ length: 4 * wide }, (_, i) => (i % 4 === 3 ? 255 : shadeOf(wide)(i >> 5)));
    return resample({ width: wide, height: 1, rgba }, toWide, 1, "bilinear").rgba.filter((_, i) => i % 4 !== 3);
  };

  it.each([
    [4_000, 3_000, 40, 30],
    [8_160, 6_120, 40, 30],
    // A half, a quarter, and sides that the model has of another ratio.
    [2_400, 1_600, 500, 300],
    [1_600, 1_600, 128, 32],
    [3_200, 400, 64, 128],
    [16, 4_000, 2, 8],
  ])("is decoded from %d × %d pixels to %d × %d", async (wide, tall, toWide, toTall) => {
    const pixels = await pixelsOf(ramp(wide, tall), input(toWide, toTall));
    const row = Array.from(rowOf(wide, toWide));
    const wanted = Array.from({ length: toTall }, () => row).flat();
    expect(difference(pixels, wanted).most).toBeLessThan(4);
  });

  it("has the pixels that averaging all of its own would give", async () => {
    const noise = (x: number, y: number) => (x * 7919 + y * 104_729 + x * y * 31) % 256;
    const [wide, tall] = [512, 384];
    const found = await pixelsOf(flatJpeg(wide, tall, noise), input(32, 24));
    const rgba = Uint8Array.from({ length: 4 * wide * tall }, (_, i) => {
      const [x, y] = [(i >> 2) % wide, Math.floor((i >> 2) / wide)];
      return i % 4 === 3 ? 255 : noise(x >> 3, y >> 3);
    });
    const whole = resample({ width: wide, height: tall, rgba }, 32, 24, "bilinear").rgba.filter((_, i) => i % 4 !== 3);
    const { mean, most } = difference(found, whole);
    expect(mean).toBeLessThan(1);
    expect(most).toBeLessThan(4);
  });

  it("is refused beyond what an isolate can hold, with what to do", async () => {
    expect(await refused(ramp(10_000, 5_008))).toMatch(/^422 .*at most 50,000,000 pixels.*Scale the picture down/);
    const progressive = ramp(4_800, 4_400);
    progressive[findMarker(progressive, 0xc0) + 1] = 0xc2;
    expect(await refused(progressive)).toMatch(/^422 .*where it is progressive/);
    // Single pixels are taken from the whole picture.
    const nearest = { ...input(), resize: "nearest" as const };
    const error = await pixelsOf(ramp(4_000, 3_000), nearest).catch((reason: FaultError) => reason);
    expect(JSON.stringify((error as FaultError).fault)).toMatch(/at most 4,194,304 pixels/);
  });
});

describe("a colour profile", () => {
  it.each(["JPEG, Display P3", "PNG, Display P3", "WebP, Display P3", "PNG, Adobe RGB"])(
    "of a matrix is converted to sRGB: %s",
    async (name) => {
      const { file, srgb } = named(name);
      const { mean, most } = difference(await pixelsOf(file), srgb);
      expect(mean).toBeLessThan(name.startsWith("JPEG") ? 1 : 0.5);
      expect(most).toBeLessThan(name.startsWith("JPEG") ? 8 : 3);
    },
  );

  it("of sRGB changes nothing", async () => {
    const { file, srgb } = named("PNG, sRGB");
    expect(difference(await pixelsOf(file), srgb).most).toBe(0);
  });

  it("that is broken is left out", async () => {
    const { file } = named("WebP, Display P3");
    const chunks = chunksOf(file);
    const plain = await pixelsOf(webpOf(chunks.filter(({ name }) => name !== "ICCP")));
    for (const length of [0, 10, 127, 131, 140, 200, 300]) {
      const cut = chunks.map(({ name, data }) => ({ name, data: name === "ICCP" ? data.subarray(0, length) : data }));
      expect(difference(await pixelsOf(webpOf(cut)), plain).most, `${length} bytes`).toBe(0);
    }
  });
});

describe("an interlaced PNG of few colours", () => {
  it.each(["PNG, 16 colours, interlaced", "PNG, 2 colours, interlaced"])("has its colours: %s", async (name) => {
    const { file, srgb } = named(name);
    expect(difference(await pixelsOf(file), srgb).most).toBe(0);
  });
});

describe("an animated WebP", () => {
  const uint24 = (value: number) => [value & 255, (value >> 8) & 255, value >> 16];
  const still = chunkOf(losslessWebp.file, 12, "VP8L");
  const canvas = (wide: number, tall: number) => ({
    name: "VP8X",
    data: Uint8Array.from([0x12, 0, 0, 0, ...uint24(wide - 1), ...uint24(tall - 1)]),
  });
  const frame = (left: number, top: number, wide: number, tall: number, chunks: Parameters<typeof webpOf>[0]) => ({
    name: "ANMF",
    data: Uint8Array.from([
      ...[...uint24(left / 2), ...uint24(top / 2), ...uint24(wide - 1), ...uint24(tall - 1), 100, 0, 0, 0],
      ...webpOf(chunks).subarray(12),
    ]),
  });
  const loop = { name: "ANIM", data: Uint8Array.from([255, 0, 0, 255, 0, 0]) };
  const other = (chunk: NonNullable<typeof still>) => ({ ...chunk, data: chunk.data.subarray(0, 4) });

  it("gives its first frame, at its place on a canvas without colour", async () => {
    if (!still) throw new Error("the picture has no frame");
    const later = frame(0, 0, 8, 6, [other(still)]);
    const whole = webpOf([canvas(8, 6), loop, frame(0, 0, 8, 6, [still]), later]);
    expect(await pixelsOf(whole, input(8, 6))).toEqual(losslessWebp.pixels.flat(2));
    const placed = webpOf([canvas(12, 10), loop, frame(2, 4, 8, 6, [still]), later]);
    const wanted = Array.from({ length: 10 }, (_, y) =>
      Array.from({ length: 12 }, (_, x) => losslessWebp.pixels[y - 4]?.[x - 2] ?? [255, 255, 255]),
    );
    expect(await pixelsOf(placed, input(12, 10))).toEqual(wanted.flat(2));
  });

  it("keeps the transparency of a lossy frame", async () => {
    const { file } = named("WebP, lossy and transparent");
    const chunks = chunksOf(file, ["ALPH", "VP8 "]);
    expect(chunks).toHaveLength(2);
    const animated = webpOf([canvas(width, height), loop, frame(0, 0, width, height, chunks)]);
    const pixels = await pixelsOf(animated);
    expect(pixels).toEqual(await pixelsOf(file));
    // 40% of white.
    expect(Math.min(...pixels)).toBeGreaterThan(95);
  });

  it.each([
    ["a frame beside its canvas", () => [canvas(8, 6), loop, frame(2, 0, 8, 6, still ? [still] : [])]],
    ["a frame of another size than it says", () => [canvas(12, 10), loop, frame(0, 0, 12, 10, still ? [still] : [])]],
    ["a frame without an image", () => [canvas(8, 6), loop, frame(0, 0, 8, 6, [])]],
    ["a canvas of too many pixels", () => [canvas(16_384, 16_384), loop, frame(0, 0, 8, 6, still ? [still] : [])]],
  ])("is refused: %s", async (_, chunks) => {
    expect(await refused(webpOf(chunks()), "image/webp")).toMatch(/^422/);
  });
});
