// Makes the pictures of test/helpers/odd-pictures.json, with their colours in sRGB as sharp reads them:
//   node test/helpers/make-odd-pictures.ts
// It needs gcc, libjpeg-dev and jpegtran (libjpeg-turbo-progs).
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";

const folder = await mkdtemp(join(tmpdir(), "upriver-pictures-"));
const maker = join(folder, "make-cmyk");
execFileSync("gcc", ["-o", maker, join(import.meta.dirname, "make-cmyk.c"), "-ljpeg"]);

/** Space, sampling of each component, whether progressive, rows of blocks between restart markers. */
const cmyk: Record<string, [space: "cmyk" | "ycck", sampling: string, isProgressive: number, restartRows: number]> = {
  baseline: ["cmyk", "11111111", 0, 0],
  "YCCK, subsampled": ["ycck", "22111122", 0, 0],
  "YCCK, subsampled, progressive": ["ycck", "22111122", 1, 0],
  "YCCK, subsampled, restart markers": ["ycck", "22111122", 0, 1],
  "progressive, restart markers": ["cmyk", "11111111", 1, 2],
  "YCCK, black of fewer samples": ["ycck", "22111111", 0, 0],
  "YCCK, half the columns, progressive, restart markers": ["ycck", "21111121", 1, 1],
  "black of more samples": ["cmyk", "11111122", 0, 0],
};

const pictures: Record<string, { file: string; srgb: string }> = {};

async function add(name: string, file: Buffer): Promise<void> {
  const { data } = await sharp(file).toColourspace("srgb").removeAlpha().raw().toBuffer({ resolveWithObject: true });
  pictures[name] = { file: file.toString("base64"), srgb: data.toString("base64") };
}

for (const [name, how] of Object.entries(cmyk)) {
  const path = join(folder, "cmyk.jpg");
  execFileSync(maker, [...how.map(String), path]);
  await add(name, await readFile(path));
  if (name !== "baseline") continue;
  const file = await readFile(path);
  const at = file.indexOf("Adobe") - 4;
  await add("without an Adobe marker", Buffer.concat([file.subarray(0, at), file.subarray(at + 16)]));
  execFileSync("jpegtran", ["-arithmetic", "-outfile", join(folder, "arithmetic.jpg"), path]);
  await add("arithmetic coding", await readFile(join(folder, "arithmetic.jpg")));
}

const [width, height] = [37, 29];
const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
  const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
  return [7 * x, 8 * y, 255 - 4 * x - 3 * y][i % 3] as number;
});
const picture = () => sharp(data, { raw: { width, height, channels: 3 } });

/** An ICC profile of Adobe RGB (1998): its matrix for D50, and the gamma 563/256. */
function adobeRgb(): Buffer {
  const columns = {
    rXYZ: [0.60974, 0.31111, 0.01947],
    gXYZ: [0.20528, 0.62567, 0.06087],
    bXYZ: [0.14919, 0.06322, 0.74457],
  };
  const xyz = ([x = 0, y = 0, z = 0]) => [
    ...ascii("XYZ "),
    ...int32(0),
    ...[x, y, z].flatMap((v) => int32(v * 65_536)),
  ];
  const curve = [...ascii("curv"), ...int32(0), ...int32(1), 2, 0x33, 0, 0];
  const tags = [
    ...Object.entries(columns).map(([name, column]) => [name, xyz(column)] as const),
    ["wtpt", xyz([0.9642, 1, 0.8249])] as const,
    ...["rTRC", "gTRC", "bTRC"].map((name) => [name, curve] as const),
  ];
  let at = 132 + 12 * tags.length;
  const directory = tags.flatMap(([name, body]) => {
    at += body.length;
    return [...ascii(name), ...int32(at - body.length), ...int32(body.length)];
  });
  const header = Buffer.alloc(128);
  header.writeUInt32BE(at, 0);
  header.writeUInt32BE(0x02100000, 8);
  header.write("mntrRGB XYZ ", 12);
  header.write("acsp", 36);
  header.set(xyz([0.9642, 1, 0.8249]).slice(8), 68);
  return Buffer.from([...header, ...int32(tags.length), ...directory, ...tags.flatMap(([, body]) => body)]);
}

const ascii = (value: string) => [...Buffer.from(value, "latin1")];
function int32(value: number): number[] {
  const out = Buffer.alloc(4);
  out.writeInt32BE(Math.round(value));
  return [...out];
}

const adobePath = join(folder, "adobe.icc");
await writeFile(adobePath, adobeRgb());
await add("JPEG, Display P3", await picture().withIccProfile("p3").jpeg({ quality: 95 }).toBuffer());
await add("PNG, Display P3", await picture().withIccProfile("p3").png().toBuffer());
await add("WebP, Display P3", await picture().withIccProfile("p3").webp({ lossless: true }).toBuffer());
await add("PNG, Adobe RGB", await picture().withIccProfile(adobePath).png().toBuffer());
await add("PNG, sRGB", await picture().withIccProfile("srgb").png().toBuffer());
await add(
  "PNG, 16 colours, interlaced",
  await picture().png({ palette: true, colours: 16, progressive: true }).toBuffer(),
);
await add(
  "PNG, 2 colours, interlaced",
  await picture().png({ palette: true, colours: 2, progressive: true }).toBuffer(),
);
const clear = picture().ensureAlpha(0.6);
await add("WebP, lossy and transparent", await clear.webp({ quality: 95 }).toBuffer());

const path = join(import.meta.dirname, "odd-pictures.json");
await writeFile(path, `${JSON.stringify({ width, height, pictures }, null, 2)}\n`);
await rm(folder, { recursive: true });
