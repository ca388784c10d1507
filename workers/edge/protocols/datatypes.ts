/** An element of a tensor; a missing number is NaN, a missing text is empty. */
export type Value = number | string | boolean;

/** How a datatype of the Open Inference Protocol is represented in JSON and in little-endian bytes. */
interface FixedDatatype {
  bytes: number;
  expected: string;
  /** Converts a value of JSON to the datatype; null if it is out of range or of another type. */
  take: (value: unknown) => Value | null;
  /** Reads the element at a byte offset; null if JavaScript can't represent it. */
  read: (view: DataView, at: number) => Value | null;
  write: (view: DataView, at: number, value: Value) => void;
}

type Numeric = "Uint8" | "Int8" | "Uint16" | "Int16" | "Uint32" | "Int32" | "Float16" | "Float32" | "Float64";

const bool: FixedDatatype = {
  bytes: 1,
  expected: "true or false (1 or 0 in binary data)",
  take: (value) => (typeof value === "boolean" ? value : null),
  read: (view, at) => [false, true][view.getUint8(at)] ?? null,
  write: (view, at, value) => view.setUint8(at, value ? 1 : 0),
};

function integer(kind: Numeric, bytes: number, isSigned: boolean): FixedDatatype {
  const span = 2 ** (8 * bytes);
  const [min, max] = isSigned ? [-span / 2, span / 2 - 1] : [0, span - 1];
  return {
    bytes,
    expected: `an integer from ${min} to ${max}`,
    take: (value) => (Number.isInteger(value) && Number(value) >= min && Number(value) <= max ? Number(value) : null),
    read: (view, at) => view[`get${kind}`](at, true),
    write: (view, at, value) => view[`set${kind}`](at, value as number, true),
  };
}

/** Describes a 64-bit integer type, limited to integers that JavaScript's numbers represent exactly. */
function longInteger(kind: "BigInt64" | "BigUint64"): FixedDatatype {
  const min = kind === "BigInt64" ? Number.MIN_SAFE_INTEGER : 0;
  const take = (value: unknown) => (Number.isSafeInteger(value) && Number(value) >= min ? Number(value) : null);
  return {
    bytes: 8,
    expected: `an integer from ${min} to ${Number.MAX_SAFE_INTEGER}`,
    take,
    read: (view, at) => take(Number(view[`get${kind}`](at, true))),
    write: (view, at, value) => view[`set${kind}`](at, BigInt(value as number), true),
  };
}

function floating(kind: Numeric, bytes: number): FixedDatatype {
  const scratch = new DataView(new ArrayBuffer(bytes));
  const round = (value: number) => {
    scratch[`set${kind}`](0, value);
    return scratch[`get${kind}`](0);
  };
  return {
    bytes,
    expected: `a number of ${8 * bytes} bits, or null for a missing value`,
    take: (value) => {
      if (value === null) return Number.NaN;
      const rounded = typeof value === "number" ? round(value) : Number.POSITIVE_INFINITY;
      return Number.isFinite(rounded) ? rounded : null;
    },
    read: (view, at) => view[`get${kind}`](at, true),
    write: (view, at, value) => view[`set${kind}`](at, value as number, true),
  };
}

/** The datatypes whose elements have a fixed size. */
export const fixedDatatypes = {
  BOOL: bool,
  UINT8: integer("Uint8", 1, false),
  UINT16: integer("Uint16", 2, false),
  UINT32: integer("Uint32", 4, false),
  UINT64: longInteger("BigUint64"),
  INT8: integer("Int8", 1, true),
  INT16: integer("Int16", 2, true),
  INT32: integer("Int32", 4, true),
  INT64: longInteger("BigInt64"),
  FP16: floating("Float16", 2),
  FP32: floating("Float32", 4),
  FP64: floating("Float64", 8),
} as const satisfies Record<string, FixedDatatype>;

/** The supported datatypes; BYTES contains UTF-8. */
export const datatypeNames = [...(Object.keys(fixedDatatypes) as (keyof typeof fixedDatatypes)[]), "BYTES"] as const;
export type DatatypeName = (typeof datatypeNames)[number];

/** How a datatype reads JSON values, and how errors describe it. */
export function jsonOf(datatype: DatatypeName): Pick<FixedDatatype, "expected" | "take"> {
  return datatype === "BYTES" ? bytesInJson : fixedDatatypes[datatype];
}

const bytesInJson: Pick<FixedDatatype, "expected" | "take"> = {
  expected: "a string, or null for a missing value",
  take: (value) => (typeof value === "string" ? value : value === null ? "" : null),
};
