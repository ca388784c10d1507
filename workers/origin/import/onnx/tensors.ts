import { sizeOf } from "#core/input/index.ts";
import { OnnxError } from "./errors.ts";
import type { TensorProto } from "./messages.ts";
import { type DType, knownValue, type Stored, type Value } from "./values.ts";

/** Reads values of a file beside the model. */
export type ReadExternal = (name: string, offset: number, length: number | undefined) => Uint8Array;

interface ElementType {
  dtype: DType;
  bytes: number;
  /** Reads one element of raw data. */
  read(view: DataView, at: number): number;
  /** The field of the message that has the elements where there is no raw data. */
  field: "floatData" | "int32Data" | "int64Data" | "doubleData" | "uint64Data";
  /** Converts an element of that field; the same number unless given. */
  convert?(value: number): number;
}

const bits = new DataView(new ArrayBuffer(4));
const half = (value: number) => {
  bits.setUint16(0, value);
  return bits.getFloat16(0);
};
const bfloat = (value: number) => {
  bits.setUint32(0, value << 16);
  return bits.getFloat32(0);
};

/** The element types of ONNX, by their number in the format. */
const elementTypes: Record<number, ElementType> = {
  1: { dtype: "float32", bytes: 4, read: (view, at) => view.getFloat32(at, true), field: "floatData" },
  2: { dtype: "int32", bytes: 1, read: (view, at) => view.getUint8(at), field: "int32Data" },
  3: { dtype: "int32", bytes: 1, read: (view, at) => view.getInt8(at), field: "int32Data" },
  4: { dtype: "int32", bytes: 2, read: (view, at) => view.getUint16(at, true), field: "int32Data" },
  5: { dtype: "int32", bytes: 2, read: (view, at) => view.getInt16(at, true), field: "int32Data" },
  6: { dtype: "int32", bytes: 4, read: (view, at) => view.getInt32(at, true), field: "int32Data" },
  7: { dtype: "int32", bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)), field: "int64Data" },
  9: { dtype: "bool", bytes: 1, read: (view, at) => view.getUint8(at), field: "int32Data" },
  10: { dtype: "float32", bytes: 2, read: (view, at) => view.getFloat16(at, true), field: "int32Data", convert: half },
  11: { dtype: "float32", bytes: 8, read: (view, at) => view.getFloat64(at, true), field: "doubleData" },
  12: { dtype: "int32", bytes: 4, read: (view, at) => view.getUint32(at, true), field: "uint64Data" },
  13: { dtype: "int32", bytes: 8, read: (view, at) => Number(view.getBigUint64(at, true)), field: "uint64Data" },
  16: {
    ...{ dtype: "float32", bytes: 2, read: (view, at) => bfloat(view.getUint16(at, true)), field: "int32Data" },
    convert: bfloat,
  },
};
const limits: Record<number, readonly [number, number]> = {
  2: [0, 255],
  3: [-128, 127],
  4: [0, 65_535],
  5: [-32_768, 32_767],
};
const otherTypes: Record<number, string> = { 8: "strings", 14: "complex numbers", 15: "complex numbers" };
const float16 = 10;
const external = 1;

/** Returns how the edge holds an element type of ONNX. Throws for one that it does not hold. */
export function dtypeOf(type: number | undefined, what: string): DType {
  return elementOf(type, what).dtype;
}

/** Returns the smallest and the largest number of an integer type of 8 or 16 bits. */
export function limitsOf(type: number): readonly [number, number] | undefined {
  return limits[type];
}

function elementOf(type: number | undefined, what: string): ElementType {
  const found = elementTypes[type ?? 0];
  if (found) return found;
  const other = otherTypes[type ?? 0] ?? `elements of type ${type ?? "undefined"}`;
  throw new OnnxError(
    `${what} has ${other}; numbers of 8 bits or more and truth values are expected. Convert it before the export.`,
  );
}

/** Reads a tensor that the model contains. Throws, with its name, when its values are missing or of an unexpected type. */
export function readTensor(proto: TensorProto, readExternal: ReadExternal): Value {
  const what = `tensor '${proto.name ?? ""}'`;
  const { dtype, bytes, read, field, convert } = elementOf(proto.dataType, what);
  const shape = proto.dims;
  const size = sizeOf(shape);
  const stored: { stored?: Stored } = proto.dataType === float16 ? { stored: { type: "float16" } } : {};
  const more = { ...stored, limits: limits[proto.dataType ?? 0] };
  const raw = proto.dataLocation === external ? externalOf(proto, what, readExternal) : proto.rawData;
  const isList = raw === undefined || (raw.length === 0 && size > 0);
  const given = isList ? proto[field].length : raw.length / bytes;
  if (given !== size) throw wrongSize(what, shape, isList ? `${given} values` : `${raw.length} bytes`);
  const data = dtype === "float32" ? new Float32Array(size) : new Float64Array(size);
  if (isList) {
    const list = proto[field];
    for (let i = 0; i < size; i++) data[i] = convert ? convert(list[i] as number) : (list[i] as number);
    return knownValue(dtype, shape, data, more);
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  for (let i = 0; i < size; i++) data[i] = read(view, i * bytes);
  return knownValue(dtype, shape, data, more);
}

function externalOf({ externalData }: TensorProto, what: string, readExternal: ReadExternal): Uint8Array {
  const found = new Map(externalData.map(({ key, value }) => [key, value ?? ""]));
  const name = found.get("location");
  if (!name) throw new OnnxError(`${what} lies in another file, which it does not name. Export the model again.`);
  const length = found.get("length");
  return readExternal(name, Number(found.get("offset") ?? 0), length === undefined ? undefined : Number(length));
}

function wrongSize(what: string, shape: readonly number[], given: string): OnnxError {
  return new OnnxError(`${what} of shape [${shape}] has ${given}. The file is damaged: export the model again.`);
}
