import type { Pixels } from "#core/image/pixels.ts";

/**
 * Converts colours to sRGB by an ICC profile that is a matrix and curves (such as Display P3 and Adobe RGB) or a grey
 * curve. Without a profile, and by one that is sRGB's, of tables, or broken, colours stay as they are.
 */
export function inSrgb(pixels: Pixels, profile: Uint8Array | null): Pixels {
  const convert = profile && readable(profile);
  return convert && !isSrgb(convert) ? converted(pixels, convert) : pixels;
}

function readable(profile: Uint8Array): Convert | null {
  try {
    return converterOf(profile);
  } catch (error) {
    // A place outside the profile.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Converts one colour of three bytes to sRGB, from 0 to 255. */
type Convert = (red: number, green: number, blue: number) => readonly [number, number, number];

type Matrix = readonly [number, number, number, number, number, number, number, number, number];

/** XYZ of D50, in which profiles give their colours, to linear sRGB. */
const toLinearSrgb: Matrix = [
  3.1341359, -1.6173863, -0.4906619, -0.9787955, 1.9162543, 0.0334428, 0.0719547, -0.2289769, 1.4053854,
];

function converterOf(profile: Uint8Array): Convert | null {
  const view = new DataView(profile.buffer, profile.byteOffset, profile.byteLength);
  const space = textAt(view, 16);
  const tags = tagsOf(view);
  if (space === "GRAY") {
    const curve = curveOf(view, tags.get("kTRC"));
    if (!curve) return null;
    const own = (value: number) => encoded(curve[value] as number);
    return (red, green, blue) => [own(red), own(green), own(blue)];
  }
  if (space !== "RGB ") return null;
  const columns = ["rXYZ", "gXYZ", "bXYZ"].map((name) => xyzOf(view, tags.get(name)));
  const curves = ["rTRC", "gTRC", "bTRC"].map((name) => curveOf(view, tags.get(name)));
  const [r, g, b] = columns;
  const [red, green, blue] = curves;
  if (!r || !g || !b || !red || !green || !blue) return null;
  const matrix = product(toLinearSrgb, [r[0], g[0], b[0], r[1], g[1], b[1], r[2], g[2], b[2]]);
  return (first, second, third) => {
    const [x, y, z] = [red[first] as number, green[second] as number, blue[third] as number];
    return [
      encoded(matrix[0] * x + matrix[1] * y + matrix[2] * z),
      encoded(matrix[3] * x + matrix[4] * y + matrix[5] * z),
      encoded(matrix[6] * x + matrix[7] * y + matrix[8] * z),
    ];
  };
}

const tagsMax = 256;

function tagsOf(view: DataView): Map<string, number> {
  const count = Math.min(tagsMax, view.getUint32(128));
  return new Map(Array.from({ length: count }, (_, i) => [textAt(view, 132 + 12 * i), view.getUint32(136 + 12 * i)]));
}

function xyzOf(view: DataView, at: number | undefined): [number, number, number] | null {
  if (at === undefined || textAt(view, at) !== "XYZ ") return null;
  return [fixed(view, at + 8), fixed(view, at + 12), fixed(view, at + 16)];
}

/** Reads a tone curve as the linear light of each byte. */
function curveOf(view: DataView, at: number | undefined): Float64Array | null {
  const light = at === undefined ? null : lightOf(view, at);
  if (!light) return null;
  const curve = Float64Array.from({ length: 256 }, (_, byte) => Math.min(1, Math.max(0, light(byte / 255))));
  // Broken parameters: colours stay as they are, instead of black.
  return curve.some(Number.isNaN) ? null : curve;
}

function lightOf(view: DataView, at: number): ((value: number) => number) | null {
  switch (textAt(view, at)) {
    case "curv":
      return sampled(view, at + 12, view.getUint32(at + 8));
    case "para":
      return parametric(view, at + 12, view.getUint16(at + 8));
    default:
      return null;
  }
}

function sampled(view: DataView, at: number, count: number): (value: number) => number {
  if (count === 0) return (value) => value;
  if (count === 1) {
    const gamma = view.getUint16(at) / 256;
    return (value) => value ** gamma;
  }
  return (value) => {
    const place = value * (count - 1);
    const below = Math.min(count - 2, Math.floor(place));
    const [low, high] = [view.getUint16(at + 2 * below), view.getUint16(at + 2 * below + 2)];
    return (low + (high - low) * (place - below)) / 65_535;
  };
}

const parameterCounts = [1, 3, 4, 5, 7];

/** The parametric curves of ICC.1:2010, 10.16: y = (ax + b)^g + e from x = d on, and cx + f below. */
function parametric(view: DataView, at: number, kind: number): ((value: number) => number) | null {
  const count = parameterCounts[kind];
  if (count === undefined) return null;
  const given = Array.from({ length: count }, (_, i) => fixed(view, at + 4 * i));
  const [g = 1, a = 1, b = 0, c = 0] = given;
  const d = kind === 0 ? Number.NEGATIVE_INFINITY : kind < 3 ? -b / a : (given[4] as number);
  const [e, f] = kind === 4 ? [given[5] as number, given[6] as number] : kind === 2 ? [c, c] : [0, 0];
  const slope = kind < 3 ? 0 : c;
  return (value) => (value >= d ? Math.max(0, a * value + b) ** g + e : slope * value + f);
}

/** Encodes linear light by sRGB's curve, as 0 to 255. */
function encoded(light: number): number {
  if (light <= 0) return 0;
  if (light >= 1) return 255;
  return Math.round(255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055));
}

/** The greatest difference to sRGB at which a profile is taken as sRGB itself: profiles of sRGB are rounded. */
const sameMax = 2;

function isSrgb(convert: Convert): boolean {
  const steps = [0, 32, 64, 96, 128, 160, 192, 224, 255];
  const isSame = (...colour: [number, number, number]) =>
    convert(...colour).every((value, i) => Math.abs(value - (colour[i] as number)) <= sameMax);
  return steps.every((red) => steps.every((green) => steps.every((blue) => isSame(red, green, blue))));
}

function converted({ width, height, rgba }: Pixels, convert: Convert): Pixels {
  const out = new Uint8Array(rgba.length);
  for (let at = 0; at < rgba.length; at += 4) {
    const [red, green, blue, opacity] = [rgba[at], rgba[at + 1], rgba[at + 2], rgba[at + 3]] as Rgba;
    out.set([...convert(red, green, blue), opacity], at);
  }
  return { width, height, rgba: out };
}

type Rgba = [number, number, number, number];

function product(a: Matrix, b: Matrix): Matrix {
  return Array.from({ length: 9 }, (_, i) => {
    const [row, column] = [3 * Math.floor(i / 3), i % 3];
    return [0, 1, 2].reduce((sum, k) => sum + (a[row + k] as number) * (b[3 * k + column] as number), 0);
  }) as unknown as Matrix;
}

function fixed(view: DataView, at: number): number {
  return view.getInt32(at) / 65_536;
}

function textAt(view: DataView, at: number): string {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}
