import { brokenImage } from "../error.ts";

/** A Huffman table of a JPEG: as its segment holds it, and as a look-up by the next 16 bits. */
export class HuffmanTable {
  /** Sixteen counts of codes by length, then the symbols. */
  readonly definition: Uint8Array;
  /** For each 16 bits: the length of the code they start with, times 256, plus its symbol; 0 for no code. */
  private look: Uint16Array | null = null;

  constructor(definition: Uint8Array) {
    this.definition = definition;
  }

  /** Builds the look-up at its first use: most files define tables that need none. */
  get codes(): Uint16Array {
    this.look ??= lookUp(this.definition);
    return this.look;
  }
}

function lookUp(definition: Uint8Array): Uint16Array {
  const look = new Uint16Array(1 << 16);
  let [at, symbol] = [0, 16];
  for (let length = 1; length <= 16; length++) {
    for (let i = 0; i < (definition[length - 1] as number); i++) {
      const end = at + (1 << (16 - length));
      if (end > look.length) throw brokenImage("image/jpeg");
      look.fill((length << 8) | (definition[symbol++] as number), at, end);
      at = end;
    }
  }
  return look;
}

/** Reads the coded bits of a scan, without the zeros that follow FF. */
export class BitReader {
  private readonly bytes: Uint8Array;
  /** The next byte to read. */
  at: number;
  private held = 0;
  private count = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  /** Moves `count` (at most 16) bits to a writer. */
  copy(count: number, to: BitWriter): void {
    if (count > 0) to.write(this.take(count), count);
  }

  /** Moves a code to a writer and returns its symbol. */
  copySymbol(codes: Uint16Array, to: BitWriter): number {
    this.fill();
    const found = codes[(this.held >>> (this.count - 16)) & 0xffff] as number;
    if (found === 0) throw brokenImage("image/jpeg");
    this.copy(found >> 8, to);
    return found & 255;
  }

  /** Skips to the end of the byte and over the restart marker there. */
  restart(): void {
    this.held = this.count = this.padding = 0;
    while (this.bytes[this.at] === 0xff && this.bytes[this.at + 1] === 0xff) this.at++;
    const [first, second = 0] = [this.bytes[this.at], this.bytes[this.at + 1]];
    if (first !== 0xff || second < 0xd0 || second > 0xd7) throw brokenImage("image/jpeg");
    this.at += 2;
  }

  private take(count: number): number {
    this.fill();
    this.count -= count;
    if (this.count < this.padding) throw brokenImage("image/jpeg", undefined, "a file that ends before its image does");
    return (this.held >>> this.count) & ((1 << count) - 1);
  }

  /** Bits held that were made up, since a code may be shorter than the 16 bits it is looked up by. */
  private padding = 0;

  // Holds at least 16 bits and at most 24.
  private fill(): void {
    while (this.count <= 16) {
      const byte = this.bytes[this.at];
      const isData = byte !== undefined && (byte !== 0xff || this.bytes[this.at + 1] === 0);
      if (isData) this.at += byte === 0xff ? 2 : 1;
      else this.padding += 8;
      this.held = ((this.held << 8) | (isData ? byte : 0)) & 0xffffff;
      this.count += 8;
    }
  }
}

/** Writes coded bits, with the zeros that follow FF. */
export class BitWriter {
  private bytes: Uint8Array<ArrayBuffer> = new Uint8Array(64 * 1024);
  private length = 0;
  private held = 0;
  private count = 0;

  /** Writes at most 16 bits. */
  write(bits: number, count: number): void {
    this.held = (this.held << count) | bits;
    this.count += count;
    while (this.count >= 8) {
      this.count -= 8;
      this.put((this.held >>> this.count) & 255);
    }
    this.held &= 255;
  }

  /** Fills the last byte with ones, as coded data ends. */
  flush(): void {
    if (this.count > 0) this.write((1 << (8 - this.count)) - 1, 8 - this.count);
  }

  /** Writes a restart marker. */
  restart(number: number): void {
    this.flush();
    this.reserve(2);
    this.bytes[this.length++] = 0xff;
    this.bytes[this.length++] = 0xd0 + number;
  }

  written(): Uint8Array<ArrayBuffer> {
    this.flush();
    return this.bytes.subarray(0, this.length);
  }

  private put(byte: number): void {
    this.reserve(2);
    this.bytes[this.length++] = byte;
    if (byte === 0xff) this.bytes[this.length++] = 0;
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = new Uint8Array(2 * this.bytes.length);
    larger.set(this.bytes);
    this.bytes = larger;
  }
}
