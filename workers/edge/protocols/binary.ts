import { sizeOf } from "#core/input/index.ts";
import { type DatatypeName, fixedDatatypes, type Value } from "./datatypes.ts";
import { misfit, type NamedTensor, type NumberArray } from "./tensor.ts";

const lengthBytes = 4;

/** The datatypes that arrays of numbers hold as they are: every platform that we run on is little-endian. */
const arrays: { [Name in DatatypeName]?: new (buffer: ArrayBuffer) => NumberArray } = {
  ...{ FP32: Float32Array, FP64: Float64Array, INT8: Int8Array, INT16: Int16Array, INT32: Int32Array },
  ...{ UINT8: Uint8Array, UINT16: Uint16Array, UINT32: Uint32Array },
};

/** Decodes a tensor's values from little-endian bytes without padding. Elements of BYTES follow their 4-byte length. */
export function valuesOfBytes(
  path: string,
  datatype: DatatypeName,
  shape: readonly number[],
  bytes: Uint8Array,
): NamedTensor["data"] {
  const size = sizeOf(shape);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (datatype === "BYTES") return textsOf(path, size, view);
  const { bytes: width, read, expected } = fixedDatatypes[datatype];
  if (view.byteLength !== size * width) {
    throw misfit(path, `${size * width} bytes: ${size} values of ${datatype}`, `${view.byteLength} bytes`);
  }
  const NumbersOf = arrays[datatype];
  // Copied, since an offset need not be a multiple of the size of a value.
  if (NumbersOf) return new NumbersOf(bytes.slice().buffer);
  return Array.from({ length: size }, (_, i): Value => {
    const value = read(view, i * width);
    if (value === null) throw misfit(path, expected, `another value at index ${i}`);
    return value;
  });
}

function textsOf(path: string, size: number, view: DataView): Value[] {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const texts: string[] = [];
  let at = 0;
  const expected = `exactly ${size} elements, each after its length in 4 bytes`;
  while (texts.length < size && at + lengthBytes <= view.byteLength) {
    const start = at + lengthBytes;
    const end = start + view.getUint32(at, true);
    if (end > view.byteLength) throw misfit(path, expected, `element ${texts.length}, which exceeds the data`);
    try {
      texts.push(decoder.decode(new Uint8Array(view.buffer, view.byteOffset + start, end - start)));
    } catch {
      throw misfit(path, "text in UTF-8", `invalid UTF-8 in element ${texts.length}`);
    }
    at = end;
  }
  if (texts.length === size && at === view.byteLength) return texts;
  throw misfit(path, expected, `${texts.length} elements in ${at} of ${view.byteLength} bytes`);
}

/** Encodes a tensor's values as little-endian bytes. Elements of BYTES follow their 4-byte length. */
export function bytesOf({ datatype, data }: Pick<NamedTensor, "datatype" | "data">): Uint8Array<ArrayBuffer> {
  if (datatype === "BYTES") return bytesOfTexts(data as string[]);
  const NumbersOf = arrays[datatype];
  if (NumbersOf && data instanceof NumbersOf) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const { bytes: width, write } = fixedDatatypes[datatype];
  const view = new DataView(new ArrayBuffer(data.length * width));
  for (const [i, value] of data.entries()) write(view, i * width, value);
  return new Uint8Array(view.buffer);
}

function bytesOfTexts(texts: readonly string[]): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const encoded = texts.map((text) => encoder.encode(text));
  const bytes = new Uint8Array(encoded.reduce((sum, text) => sum + lengthBytes + text.byteLength, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const text of encoded) {
    view.setUint32(at, text.byteLength, true);
    bytes.set(text, at + lengthBytes);
    at += lengthBytes + text.byteLength;
  }
  return bytes;
}
