const headerBytes = 4;
const floatBytes = Float32Array.BYTES_PER_ELEMENT;

/**
 * Serialises a state of plain values and float32 arrays: the length of a JSON text, the text, in which an array is the place of
 * its first value and its length, then the values of all arrays. Text would take most of a slice.
 */
export function pack(state: object): ArrayBuffer {
  const arrays: Float32Array[] = [];
  let values = 0;
  const text = JSON.stringify(state, (_, value) => {
    if (!(value instanceof Float32Array)) return value;
    arrays.push(value);
    const place = values;
    values += value.length;
    return { float32: place, length: value.length };
  });
  const json = new TextEncoder().encode(text);
  const start = startOfValues(json.byteLength);
  const packed = new ArrayBuffer(start + values * floatBytes);
  new DataView(packed).setUint32(0, json.byteLength, true);
  new Uint8Array(packed).set(json, headerBytes);
  let at = start / floatBytes;
  for (const array of arrays) {
    new Float32Array(packed).set(array, at);
    at += array.length;
  }
  return packed;
}

/** Parses a state that `pack` serialised, of this release or one that wrote text. */
export function unpack<T>(packed: ArrayBuffer | string): T {
  if (typeof packed === "string") {
    return JSON.parse(packed, (_, value) => (Array.isArray(value?.float32) ? Float32Array.from(value.float32) : value));
  }
  const length = new DataView(packed).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(packed, headerBytes, length));
  const start = startOfValues(length);
  return JSON.parse(text, (_, value) => {
    if (typeof value?.float32 !== "number") return value;
    const from = start + value.float32 * floatBytes;
    return new Float32Array(packed.slice(from, from + value.length * floatBytes));
  });
}

// Aligned, so that the values are read where they are.
function startOfValues(jsonBytes: number): number {
  return Math.ceil((headerBytes + jsonBytes) / floatBytes) * floatBytes;
}
