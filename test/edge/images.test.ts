import { deflateSync } from "node:zlib";
import { encode as encodePng } from "fast-png";
import { beforeAll, describe, expect, it } from "vitest";
import type { Answer, ImageInput } from "#core/contract/index.ts";
import { imageMaxBytes } from "#edge/images/index.ts";
import { call, expectOk, publish } from "../helpers/edge.ts";
import { jpegs, losslessWebp } from "../helpers/pictures.ts";
import { seeded } from "../helpers/random.ts";

const size = [6, 8] as const;
const [height, width] = size;

function send(model: string, type: string, body: Uint8Array, query = ""): Promise<Response> {
  const headers = { "content-type": type };
  return call("POST", `/v1/models/${model}/ask${query}`, { token: "ask-token", raw: body, headers });
}

async function asked(model: string, type: string, body: Uint8Array, query = ""): Promise<Answer> {
  return (await expectOk(send(model, type, body, query))).json();
}

async function askedPixels(model: string, instance: unknown): Promise<Answer> {
  const body = { instance };
  return (await expectOk(call("POST", `/v1/models/${model}/ask`, { token: "ask-token", body }))).json();
}

/** A picture of random colours, [height][width][channels]. */
function picture(channels: number, seed = 3): number[][][] {
  const random = seeded(seed);
  const values = (n: number) => Array.from({ length: n }, () => Math.floor(256 * random()));
  return Array.from({ length: height }, () => Array.from({ length: width }, () => values(channels)));
}

function png(pixels: number[][][], options: { depth?: 8 | 16 } = {}): Uint8Array {
  const channels = pixels[0]?.[0]?.length ?? 1;
  const flat = pixels.flat(2);
  const data = options.depth === 16 ? Uint16Array.from(flat, (value) => value * 257) : Uint8Array.from(flat);
  const [tall, wide] = [pixels.length, pixels[0]?.length ?? 0];
  return encodePng({ width: wide, height: tall, data, channels, depth: options.depth ?? 8 });
}

/** A PNG of indexes into a palette, put together by hand: chunks of length, name, data and a checksum. */
function indexedPng(rows: Uint8Array, depth: number, palette: number[][]): Uint8Array {
  const rowBytes = rows.length / height;
  const filtered = Array.from({ length: height }, (_, y) => [
    0,
    ...rows.subarray(y * rowBytes, (y + 1) * rowBytes),
  ]).flat();
  const header = [...uint32(width), ...uint32(height), depth, 3, 0, 0, 0];
  const packed = [...deflateSync(Uint8Array.from(filtered))];
  const parts = [
    ...chunk("IHDR", header),
    ...chunk("PLTE", palette.flat()),
    ...chunk("IDAT", packed),
    ...chunk("IEND", []),
  ];
  return Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, ...parts]);
}

const uint32 = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);

// Nobody looks at the checksums here: they are left zero.
function chunk(name: string, data: number[]): number[] {
  return [...uint32(data.length), ...new TextEncoder().encode(name), ...data, 0, 0, 0, 0];
}

beforeAll(async () => {
  const input = (channels: ImageInput["channels"], more: Partial<ImageInput> = {}): ImageInput => {
    return { kind: "image", size: [height, width], channels, scale: 1 / 255, offset: 0, ...more };
  };
  await publish({ model: "colour", input: input(3), inputs: 3 * height * width });
  await publish({ model: "grey", input: input(1), inputs: 1 * height * width });
  await publish({ model: "clear", input: input(4), inputs: 4 * height * width });
  await publish({ model: "dark", input: input(3, { background: 0 }), inputs: 3 * height * width });
  await publish({ model: "near", input: input(3, { resize: "nearest" }), inputs: 3 * height * width });
});

describe("an image as a question", () => {
  it("gets the same answer as its pixels: PNG of 8 and 16 bits, lossless WebP", async () => {
    const pixels = picture(3);
    const { scores } = await askedPixels("colour", pixels);
    expect((await asked("colour", "image/png", png(pixels))).scores).toEqual(scores);
    expect((await asked("colour", "image/png", png(pixels, { depth: 16 }))).scores).toEqual(scores);
    const webp = await asked("colour", "image/webp", losslessWebp.file);
    expect(webp.scores).toEqual((await askedPixels("colour", losslessWebp.pixels)).scores);
  });

  it("is converted to grey by luma, and keeps alpha if the model has that channel", async () => {
    const pixels = picture(3);
    const luma = pixels.map((row) =>
      row.map(([r = 0, g = 0, b = 0]) => [Math.round(0.299 * r + 0.587 * g + 0.114 * b)]),
    );
    expect((await asked("grey", "image/png", png(pixels))).scores).toEqual((await askedPixels("grey", luma)).scores);
    const grey = picture(1);
    expect((await asked("grey", "image/png", png(grey))).scores).toEqual((await askedPixels("grey", grey)).scores);
    const clear = picture(4);
    expect((await asked("clear", "image/png", png(clear))).scores).toEqual((await askedPixels("clear", clear)).scores);
  });

  it.each([1, 2, 4, 8] as const)("has its palette's colours, by indexes of %i bits", async (depth) => {
    const palette = [
      [10, 20, 30],
      [200, 100, 50],
    ];
    const index = (y: number, x: number) => (x + y) % 2;
    const rowBytes = Math.ceil((width * depth) / 8);
    const data = new Uint8Array(height * rowBytes);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const bit = x * depth;
        const at = y * rowBytes + (bit >> 3);
        data[at] = (data[at] as number) | (index(y, x) << (8 - depth - (bit & 7)));
      }
    }
    const pixels = Array.from({ length: height }, (_, y) =>
      Array.from({ length: width }, (_, x) => palette[index(y, x)] as number[]),
    );
    const { scores } = await askedPixels("colour", pixels);
    expect((await asked("colour", "image/png", indexedPng(data, depth, palette))).scores).toEqual(scores);
  });

  it.each([
    ["colour", 255],
    ["dark", 0],
  ])("lies on the manifest's grey where it is transparent: %s", async (model, background) => {
    const pixels = picture(4);
    const over = pixels.map((row) =>
      row.map(([r = 0, g = 0, b = 0, a = 0]) =>
        [r, g, b].map((c) => Math.round(c * (a / 255) + background * (1 - a / 255))),
      ),
    );
    expect((await asked(model, "image/png", png(pixels))).scores).toEqual((await askedPixels(model, over)).scores);
  });

  it("is rotated by each of the eight EXIF orientations", async () => {
    const upright = await asked("colour", "image/jpeg", jpegs[0] as Uint8Array);
    for (const [i, jpeg] of jpegs.entries()) {
      const { scores } = await asked("colour", "image/jpeg", jpeg);
      for (const [label, score] of Object.entries(scores)) {
        expect(Math.abs(score - (upright.scores[label] as number)), `orientation ${i + 1}`).toBeLessThan(0.02);
      }
    }
  });

  it("is rotated by the EXIF chunk of a PNG, in either byte order", async () => {
    const pixels = picture(3);
    const { scores } = await askedPixels("colour", pixels);
    const stored = png(pixels.map((row) => [...row].reverse()).reverse());
    const tag = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 3, 0, 0];
    const big = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, ...tag];
    const little = [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 3, 0, 0, 0];
    for (const tiff of [big, little]) {
      const file = Uint8Array.from([...stored.subarray(0, 33), ...chunk("eXIf", tiff), ...stored.subarray(33)]);
      expect((await asked("colour", "image/png", file)).scores).toEqual(scores);
    }
  });

  it("is resized, bilinear or nearest", async () => {
    const small = picture(3);
    const large = small.flatMap((row) =>
      Array.from({ length: 3 }, () => row.flatMap((pixel) => [pixel, pixel, pixel])),
    );
    expect((await asked("near", "image/png", png(large))).scores).toEqual((await askedPixels("near", small)).scores);
    // Of one colour, an average is that colour, whatever its weights.
    const plain = Array.from({ length: 50 }, () => Array.from({ length: 31 }, () => [10, 200, 90]));
    const one = Array.from({ length: height }, () => Array.from({ length: width }, () => [10, 200, 90]));
    expect((await asked("colour", "image/png", png(plain))).scores).toEqual((await askedPixels("colour", one)).scores);
  });

  it("reads its options from the query, and can carry a true label", async () => {
    const file = png(picture(3));
    expect(await asked("colour", "image/png", file, "?accept=always&region=south")).toMatchObject({ region: "south" });
    expect((await send("colour", "image/png", file, "?accept=sometimes")).status).toBe(422);
    const free = await asked("colour", "image/png", file, "?accept=always");
    const [other = "", another = ""] = Object.keys(free.scores).filter((label) => label !== free.label);
    const chosen = await asked(
      "colour",
      "image/png",
      file,
      `?accept=always&candidates=${other}&candidates=${another}&top=1`,
    );
    expect(Object.keys(chosen.scores)).toEqual([other, another]);
    expect(chosen.top).toHaveLength(1);
    for (const query of ["candidates=boots", "candidates=", "top=none", "top=9"]) {
      const refused = await send("colour", "image/png", file, `?${query}`);
      expect(refused.status).toBe(422);
      expect(await refused.text()).toContain(`${query.split("=")[0]}`);
    }
    expect((await send("colour", "image/png", file, "?trace=true")).status).toBe(403);
    const headers = { "content-type": "image/png" };
    const taught = await call("POST", "/v1/models/colour/truths?label=a", { raw: file, headers });
    expect(await taught.json()).toEqual({ accepted: 1, changed: 1 });
    expect((await call("POST", "/v1/models/colour/truths", { raw: file, headers })).status).toBe(422);
  });
});

describe("an image of another content type than its own", () => {
  it.each([
    "image/jpg",
    "image/jpeg",
    "image/*",
    "image/heic",
    "IMAGE/PNG; charset=binary",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "application/json",
    undefined,
  ])("is read by its first bytes: %s", async (type) => {
    const pixels = picture(3);
    const { scores } = await askedPixels("colour", pixels);
    const headers = type ? { "content-type": type } : {};
    const path = "/v1/models/colour/ask";
    const answer = await expectOk(call("POST", path, { token: "ask-token", raw: png(pixels), headers }));
    expect(((await answer.json()) as Answer).scores).toEqual(scores);
  });
});

describe("a body that is not a supported image", () => {
  const latin1 = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
  const good = () => png(picture(3));
  const patched = (at: number, bytes: number[]) => {
    const file = good();
    file.set(bytes, at);
    return file;
  };

  it.each([
    ["another type", "image/x-portable-pixmap", () => latin1("P6 1 1 255 "), 415, /image\/jpeg.*Save it as JPEG/],
    ["a GIF", "image/gif", () => latin1("GIF89a"), 415, /type GIF.*Save it as JPEG, PNG or WebP/],
    [
      "a HEIC that says it is a JPEG",
      "image/jpeg",
      () => latin1("\0\0\0\x18ftypheic"),
      415,
      /type HEIC.*Most Compatible/,
    ],
    ["an AVIF", "application/octet-stream", () => latin1("\0\0\0\x1cftypavif"), 415, /type AVIF.*Save it/],
    ["a TIFF", "image/tiff", () => latin1("II*\0"), 415, /type TIFF/],
    ["a BMP", "image/bmp", () => latin1("BM"), 415, /type BMP/],
    ["an empty body", "image/png", () => new Uint8Array(), 422, /an empty body/],
    ["a data URL", "image/png", () => latin1("data:image/png;base64,iVBO"), 422, /no image.*Send the file as it is/],
    ["a form", "multipart/form-data; boundary=x", () => good(), 415, /--data-binary/],
    [
      "text in JSON",
      "application/json",
      () => latin1('{"instance":"data:image/png;base64,iVBO"}'),
      422,
      /as the body itself/,
    ],
    [
      "a header that claims more pixels than it may have",
      "image/png",
      () => patched(16, [0, 0, 255, 255, 0, 0, 255, 255]),
      422,
      /at most 4,194,304 pixels; received 65535 × 65535 pixels.*Scale the picture down/,
    ],
    ["a truncated image", "image/png", () => good().slice(0, 60), 422, /can't be decoded/],
    [
      "a JPEG that is cut off in its header",
      "image/jpeg",
      () => (jpegs[0] as Uint8Array).slice(0, 100),
      422,
      /image\/jpeg/,
    ],
    ["too many bytes", "image/png", () => new Uint8Array(imageMaxBytes + 1), 413, /bytes.*Scale the picture down/],
  ])("is refused: %s", async (_what, type, make, status, detail) => {
    const response = await send("colour", type, make());
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(JSON.stringify(await response.json())).toMatch(detail);
  });

  it("is rejected if it unpacks to more than its dimensions need", async () => {
    const zeros = new Uint8Array(16 * 1024 * 1024);
    const bomb = encodePng({ width: 2048, height: 2048, data: zeros, channels: 4 });
    expect(bomb.length).toBeLessThan(64 * 1024);
    bomb.set([0, 0, 0, 4, 0, 0, 0, 4], 16);
    const response = await send("colour", "image/png", bomb);
    expect(response.status).toBe(422);
  });

  it("is rejected by a model without an image input", async () => {
    await publish({ model: "table" });
    const response = await send("table", "image/png", png(picture(3)));
    expect(response.status).toBe(415);
    expect(await response.text()).toContain("takes no images");
  });
});
