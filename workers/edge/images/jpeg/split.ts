import { concatBytes } from "#core/bytes.ts";
import { brokenImage, ImageError } from "../error.ts";
import { type Component, type Frame, marker, nextMarker, type Segment } from "./frame.ts";
import { BitReader, BitWriter, HuffmanTable } from "./huffman.ts";

/** A JPEG of four components as two of three, which the decoder reads. */
export interface SplitJpeg {
  /** The first three components: an RGB or YCbCr image. */
  colours: Uint8Array<ArrayBuffer>;
  /** The fourth component as the red of an RGB image. */
  black: Uint8Array<ArrayBuffer>;
}

/**
 * Splits a JPEG of four components (CMYK or YCCK) without decoding it: the codes of each block are moved as they are to
 * the file of its component. The decoder, which refuses four components, then bounds memory and time as for any JPEG.
 */
export function splitJpeg(bytes: Uint8Array, segments: readonly Segment[], frame: Frame): SplitJpeg {
  return new Splitter(bytes, frame).run(segments);
}

/** A table with one code, of one bit: a block without differences is a zero bit for DC, and one for AC. */
const emptyTable = new HuffmanTable(Uint8Array.from([1, ...new Array<number>(15).fill(0), 0]));

interface ScanComponent extends Component {
  isBlack: boolean;
  dc: HuffmanTable;
  ac: HuffmanTable;
}

interface Scan {
  components: ScanComponent[];
  /** Spectral selection and successive approximation, as in the scan's header. */
  rest: Uint8Array;
  dataAt: number;
}

class Splitter {
  private readonly bytes: Uint8Array;
  private readonly frame: Frame;
  private readonly across: number;
  private readonly down: number;
  /** Components of the black file beside black, which keep the frame's sampling and hold empty blocks. */
  private readonly fillers: readonly Component[];
  private readonly tables = { dc: [] as HuffmanTable[], ac: [] as HuffmanTable[] };
  private restartInterval = 0;
  private readonly colours: Uint8Array[];
  private readonly black: Uint8Array[];

  constructor(bytes: Uint8Array, frame: Frame) {
    this.bytes = bytes;
    this.frame = frame;
    const { components, adobe } = frame;
    this.across = Math.max(...components.map(({ across }) => across));
    this.down = Math.max(...components.map(({ down }) => down));
    const black = components[3] as Component;
    const isFull = black.across === this.across && black.down === this.down;
    const filler = (i: number, across: number, down: number): Component => {
      return { id: idsBeside(black.id)[i] as number, across, down, quantisation: black.quantisation };
    };
    this.fillers = [isFull ? filler(0, 1, 1) : filler(0, this.across, this.down), filler(1, 1, 1)];
    const colours = components.slice(0, 3);
    const reach = (side: "across" | "down") => Math.max(...colours.map((one) => one[side]));
    if (reach("across") < this.across || reach("down") < this.down) throw unusual("black of more samples than colours");
    this.colours = [start, adobeSegment(adobe === 2 ? 1 : 0), this.frameHeader(colours)];
    this.black = [start, adobeSegment(0), this.frameHeader([black, ...this.fillers])];
  }

  run(segments: readonly Segment[]): SplitJpeg {
    for (const { marker: code, start: from, end } of segments) {
      const payload = this.bytes.subarray(from, end);
      if (code === marker.dqt || code === marker.dri) this.toBoth(segment(code, payload));
      if (code === marker.dri) this.restartInterval = ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
      if (code === marker.dht) this.define(payload);
      if (code === marker.sos) this.scan(this.readScan(payload, end));
      // A file without its end is cut off: the decoder says so.
      if (code === marker.eoi) this.toBoth(stop);
    }
    return { colours: concatBytes(this.colours), black: concatBytes(this.black) };
  }

  private toBoth(part: Uint8Array): void {
    this.colours.push(part);
    this.black.push(part);
  }

  private frameHeader(components: readonly Component[]): Uint8Array {
    const { height, width, isProgressive } = this.frame;
    const listed = components.flatMap(({ id, across, down, quantisation }) => [id, (across << 4) | down, quantisation]);
    // Extended: a baseline file may use two tables of each kind only.
    const code = isProgressive ? marker.sof2 : marker.sof1;
    return segment(code, [8, height >> 8, height & 255, width >> 8, width & 255, components.length, ...listed]);
  }

  private define(payload: Uint8Array): void {
    for (let at = 0; at + 17 <= payload.length; ) {
      const place = payload[at] as number;
      const symbols = payload.subarray(at + 1, at + 17).reduce((sum, count) => sum + count, 0);
      const definition = payload.subarray(at + 1, at + 17 + symbols);
      if (symbols > 256 || definition.length !== 16 + symbols || (place & 15) > 3) throw brokenImage("image/jpeg");
      this.tables[place >> 4 === 0 ? "dc" : "ac"][place & 15] = new HuffmanTable(definition);
      at += 17 + symbols;
    }
  }

  private readScan(payload: Uint8Array, dataAt: number): Scan {
    const count = payload[0] ?? 0;
    if (count < 1 || count > 4 || payload.length !== 4 + 2 * count) throw brokenImage("image/jpeg");
    const components = Array.from({ length: count }, (_, i): ScanComponent => {
      const [id, tables = 0] = payload.subarray(1 + 2 * i);
      const place = this.frame.components.findIndex((component) => component.id === id);
      if (place < 0) throw brokenImage("image/jpeg");
      const { dc, ac } = this.tables;
      const own = { dc: dc[tables >> 4] ?? emptyTable, ac: ac[tables & 15] ?? emptyTable };
      return { ...(this.frame.components[place] as Component), isBlack: place === 3, ...own };
    });
    if (new Set(components.map(({ id }) => id)).size !== count) throw brokenImage("image/jpeg");
    return { components, rest: payload.subarray(1 + 2 * count), dataAt };
  }

  private scan(scan: Scan): void {
    const [black] = scan.components.filter(({ isBlack }) => isBlack);
    const others = scan.components.filter(({ isBlack }) => !isBlack);
    if (!black || others.length === 0) {
      // A scan of one file alone: its data is taken as it is.
      const end = nextMarker(this.bytes, scan.dataAt);
      (black ? this.black : this.colours).push(
        scanHeader(scan.components, scan.rest),
        this.bytes.subarray(scan.dataAt, end),
      );
      return;
    }
    // A scan of one component has its blocks in another order than one of several.
    if (others.length < 2) throw unusual("scans that hold black and a single colour");
    const [colourData, blackData] = this.divide(scan);
    this.colours.push(scanHeader(others, scan.rest), colourData);
    const fillers = this.fillers.map((filler) => ({ ...filler, isBlack: false, dc: emptyTable, ac: emptyTable }));
    this.black.push(scanHeader([black, ...fillers], scan.rest), blackData);
  }

  /** Divides the data of a scan, one minimum coded unit after another: the blocks of each component in turn. */
  private divide({ components, rest, dataAt }: Scan): [Uint8Array, Uint8Array] {
    const reader = new BitReader(this.bytes, dataAt);
    const [colours, black] = [new BitWriter(), new BitWriter()];
    const { isProgressive, width, height } = this.frame;
    const isRefinement = isProgressive && (rest[2] as number) >> 4 > 0;
    const empty = this.fillers.reduce((sum, { across, down }) => sum + across * down, 0) * (isProgressive ? 1 : 2);
    const units = Math.ceil(width / (8 * this.across)) * Math.ceil(height / (8 * this.down));
    for (let unit = 0; unit < units; unit++) {
      if (this.restartInterval > 0 && unit > 0 && unit % this.restartInterval === 0) {
        reader.restart();
        const number = (unit / this.restartInterval - 1) % 8;
        for (const writer of [colours, black]) writer.restart(number);
      }
      for (const { isBlack, across, down, dc, ac } of components) {
        const writer = isBlack ? black : colours;
        for (let block = 0; block < across * down; block++) {
          if (isRefinement) reader.copy(1, writer);
          else copyBlock(reader, writer, dc.codes, isProgressive ? null : ac.codes);
        }
      }
      for (let left = empty; left > 0; left -= 16) black.write(0, Math.min(16, left));
    }
    return [colours.written(), black.written()];
  }
}

function copyBlock(reader: BitReader, writer: BitWriter, dc: Uint16Array, ac: Uint16Array | null): void {
  reader.copy(reader.copySymbol(dc, writer) & 15, writer);
  if (!ac) return;
  for (let k = 1; k < 64; ) {
    const symbol = reader.copySymbol(ac, writer);
    const [run, bits] = [symbol >> 4, symbol & 15];
    reader.copy(bits, writer);
    if (bits === 0 && run !== 15) return;
    k += run + 1;
  }
}

/** Writes a scan's header behind the tables that it needs, each component's under the component's place. */
function scanHeader(components: readonly ScanComponent[], rest: Uint8Array): Uint8Array {
  const tables = components.flatMap(({ dc, ac }, i) => [
    segment(marker.dht, [i, ...dc.definition]),
    segment(marker.dht, [0x10 | i, ...ac.definition]),
  ]);
  const listed = components.flatMap(({ id }, i) => [id, (i << 4) | i]);
  return concatBytes([...tables, segment(marker.sos, [components.length, ...listed, ...rest])]);
}

const start = Uint8Array.from([0xff, 0xd8]);
const stop = Uint8Array.from([0xff, 0xd9]);

function segment(code: number, payload: Uint8Array | readonly number[]): Uint8Array {
  const size = payload.length + 2;
  return Uint8Array.from([0xff, code, size >> 8, size & 255, ...payload]);
}

/** Says whether three components are RGB (0) or YCbCr (1). */
function adobeSegment(transform: 0 | 1): Uint8Array {
  return segment(marker.app14, [...new TextEncoder().encode("Adobe"), 0, 100, 0, 0, 0, 0, transform]);
}

function idsBeside(id: number): number[] {
  return [1, 2, 3].filter((other) => other !== id);
}

function unusual(what: string): ImageError {
  const next = "Save it again as RGB, or as CMYK without chroma subsampling.";
  return new ImageError("a CMYK JPEG with its components in one scan or in a scan each", what, { next });
}
