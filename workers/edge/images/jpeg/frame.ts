import { brokenImage, ImageError } from "../error.ts";

/** A component of a JPEG's frame: its id, its sampling factors, and the table that quantised it. */
export interface Component {
  id: number;
  across: number;
  down: number;
  quantisation: number;
}

/** The frame header of a JPEG, and what the Adobe marker says of its colours. */
export interface Frame {
  isProgressive: boolean;
  height: number;
  width: number;
  components: Component[];
  /** The transform of an Adobe marker: 0 none, 1 YCbCr, 2 YCCK; null without a marker. */
  adobe: number | null;
}

/** A marker with its payload: [start, end) in the file. The coded data of a scan follows its marker. */
export interface Segment {
  marker: number;
  start: number;
  end: number;
}

export const marker = {
  sof1: 0xc1,
  sof2: 0xc2,
  dht: 0xc4,
  eoi: 0xd9,
  sos: 0xda,
  dqt: 0xdb,
  dri: 0xdd,
  app2: 0xe2,
  app14: 0xee,
};

/**
 * The most scans of a JPEG; encoders write 6 to 18. Each scan passes over the whole image, however short it is: 500 scans
 * in 33 kB took 7.7 s.
 */
const scansMax = 32;

/** The most segments of a JPEG: a profile takes 255 at most, and scans with their tables some hundred. */
const segmentsMax = 2_000;

const saveAgain = "Save it again as a baseline or progressive JPEG of 8 bits, or as PNG or WebP.";

/** Lists the segments of a JPEG up to its end marker. Throws `ImageError` for too many segments or scans. */
export function segmentsOf(bytes: Uint8Array): Segment[] {
  const segments: Segment[] = [];
  let scans = 0;
  for (let at = 2; at + 2 <= bytes.length; ) {
    if (bytes[at] !== 0xff) at = nextMarker(bytes, at);
    const code = bytes[at + 1] as number;
    if (code === 0xff || standsAlone(code)) {
      at += code === 0xff ? 1 : 2;
      continue;
    }
    if (code === marker.eoi) segments.push({ marker: code, start: at + 2, end: at + 2 });
    if (code === marker.eoi || at + 4 > bytes.length) break;
    const end = at + 2 + (((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number));
    segments.push({ marker: code, start: at + 4, end: Math.min(end, bytes.length) });
    if (segments.length > segmentsMax) {
      throw new ImageError(`a JPEG of at most ${segmentsMax} segments`, "more segments", { next: saveAgain });
    }
    if (code === marker.sos && ++scans > scansMax) {
      throw new ImageError(`a JPEG of at most ${scansMax} scans`, "more scans", { next: saveAgain });
    }
    at = code === marker.sos ? nextMarker(bytes, end) : end;
  }
  return segments;
}

/** Whether a marker has no length. A decoder skips its two bytes alone: what follows must be checked like the rest. */
function standsAlone(code: number): boolean {
  return code <= 0x01 || (code >= 0xd0 && code <= 0xd8);
}

/** Finds the next marker; within coded data FF is followed by 0, or starts a restart marker. */
export function nextMarker(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at >= 0 && at + 1 < bytes.length; at = bytes.indexOf(0xff, at + 1)) {
    const code = bytes[at + 1] as number;
    if (code !== 0 && code !== 0xff && !(code >= 0xd0 && code <= 0xd7)) return at;
  }
  return bytes.length;
}

const refusedFrames: Record<number, string> = {
  195: "a lossless JPEG",
  197: "a hierarchical JPEG",
  198: "a hierarchical JPEG",
  199: "a hierarchical JPEG",
  201: "a JPEG with arithmetic coding",
  202: "a JPEG with arithmetic coding",
  203: "a lossless JPEG with arithmetic coding",
  205: "a hierarchical JPEG with arithmetic coding",
  206: "a hierarchical JPEG with arithmetic coding",
  207: "a hierarchical JPEG with arithmetic coding",
};

/** Reads the frame of a JPEG. Throws `ImageError` that names a kind of JPEG which is not decoded. */
export function frameOf(bytes: Uint8Array, segments: readonly Segment[]): Frame {
  const found = segments.find(({ marker: code }) => code >= 0xc0 && code <= 0xcf && code !== 0xc4 && code !== 0xcc);
  if (!found || found.end - found.start < 6) throw brokenImage("image/jpeg");
  const refused = refusedFrames[found.marker];
  const [precision = 0, highHeight = 0, height = 0, highWidth = 0, width = 0, count = 0] = bytes.subarray(found.start);
  const expected = "a baseline or progressive JPEG of 8 bits a sample";
  if (refused) throw new ImageError(expected, refused, { next: saveAgain });
  if (precision !== 8) throw new ImageError(expected, `a JPEG of ${precision} bits a sample`, { next: saveAgain });
  if (![1, 3, 4].includes(count)) {
    const next = "Save it again in RGB, grey or CMYK.";
    throw new ImageError("a JPEG of 1, 3 or 4 colour components", `one of ${count}`, { next });
  }
  if (found.end - found.start < 6 + 3 * count) throw brokenImage("image/jpeg");
  const components = Array.from({ length: count }, (_, i) => {
    const [id = 0, sampling = 0, quantisation = 0] = bytes.subarray(found.start + 6 + 3 * i);
    return { id, across: sampling >> 4, down: sampling & 15, quantisation };
  });
  if (components.some(({ across, down }) => across < 1 || across > 4 || down < 1 || down > 4)) {
    throw brokenImage("image/jpeg");
  }
  const isProgressive = found.marker === marker.sof2;
  const [tall, wide] = [(highHeight << 8) | height, (highWidth << 8) | width];
  return { isProgressive, height: tall, width: wide, components, adobe: adobeOf(bytes, segments) };
}

function adobeOf(bytes: Uint8Array, segments: readonly Segment[]): number | null {
  for (const { marker: code, start, end } of segments) {
    const isAdobe = code === marker.app14 && end - start >= 12;
    if (isAdobe && String.fromCharCode(...bytes.subarray(start, start + 5)) === "Adobe")
      return bytes[start + 11] ?? null;
  }
  return null;
}
