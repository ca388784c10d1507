/** DC codes for differences of 0 to 11 bits, of four bits each; one AC code of a bit, for a block without more. */
const tables = [
  ...[0xff, 0xc4, 0, 31, 0x00, 0, 0, 0, 12, ...new Array(12).fill(0), ...Array.from({ length: 12 }, (_, i) => i)],
  ...[0xff, 0xc4, 0, 20, 0x10, 1, ...new Array(15).fill(0), 0],
];

/** Writes a grey baseline JPEG of any size whose blocks of 8 × 8 pixels have one value each (ITU-T T.81). */
export function flatJpeg(
  width: number,
  height: number,
  toneOf: (blockX: number, blockY: number) => number,
): Uint8Array<ArrayBuffer> {
  const [across, down] = [Math.ceil(width / 8), Math.ceil(height / 8)];
  const data = new Uint8Array(4 * across * down + 1_000);
  let [at, held, bits, before] = [0, 0, 0, 0];
  const write = (value: number, length: number) => {
    held = (held << length) | value;
    bits += length;
    for (; bits >= 8; bits -= 8) {
      const byte = (held >> (bits - 8)) & 255;
      data[at++] = byte;
      if (byte === 255) data[at++] = 0;
    }
    held &= 255;
  };
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      // With a quantisation of 8, the coefficient is the mean.
      const value = toneOf(x, y) - 128;
      const step = value - before;
      before = value;
      const size = 32 - Math.clz32(Math.abs(step));
      write(size, 4);
      if (size > 0) write(step < 0 ? step + (1 << size) - 1 : step, size);
      write(0, 1);
    }
  }
  write(127, 7);
  const u16 = (value: number) => [value >> 8, value & 255];
  const header = [
    ...[0xff, 0xd8, 0xff, 0xdb, 0, 67, 0, ...new Array(64).fill(8)],
    ...[0xff, 0xc0, 0, 11, 8, ...u16(height), ...u16(width), 1, 1, 0x11, 0],
    ...tables,
    ...[0xff, 0xda, 0, 8, 1, 1, 0x00, 0, 63, 0],
  ];
  return Uint8Array.from([...header, ...data.subarray(0, at), 0xff, 0xd9]);
}
