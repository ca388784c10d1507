/** Labelled embeddings of the global holdout, on which every regional head is tested. */
export interface Anchor {
  /** [rows, width + 1], each row ending in 1. */
  inputs: Float32Array;
  labels: number[];
}

const headerBytes = 4;

/** Encodes an anchor, little-endian: rows, the class of each as uint16, then int16 embeddings [rows, width]. */
export function encodeAnchor(vectors: readonly Int16Array[], labels: readonly number[]): Uint8Array<ArrayBuffer> {
  const width = vectors[0]?.length ?? 0;
  const bytes = new Uint8Array(headerBytes + 2 * labels.length * (1 + width));
  new DataView(bytes.buffer).setUint32(0, labels.length, true);
  const values = new Int16Array(bytes.buffer, headerBytes);
  values.set(labels);
  for (const [row, vector] of vectors.entries()) values.set(vector, labels.length + row * width);
  return bytes;
}

/** Decodes an anchor to real units. Throws if its length does not match its number of rows. */
export function decodeAnchor(bytes: ArrayBuffer, width: number, step: number): Anchor {
  const rows = bytes.byteLength < headerBytes ? 0 : new DataView(bytes).getUint32(0, true);
  const expected = headerBytes + 2 * rows * (1 + width);
  if (bytes.byteLength !== expected) {
    throw new Error(`An anchor of ${rows} × ${width} takes ${expected} bytes; received ${bytes.byteLength}.`);
  }
  const values = new Int16Array(bytes, headerBytes);
  const inputs = new Float32Array(rows * (width + 1));
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) {
      inputs[row * (width + 1) + i] = (values[rows + row * width + i] as number) * step;
    }
    inputs[row * (width + 1) + width] = 1;
  }
  return { inputs, labels: Array.from(new Uint16Array(bytes, headerBytes, rows)) };
}
