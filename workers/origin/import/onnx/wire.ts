import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

type Scalar = "string" | "int" | "float" | "double";

interface Field<T> {
  no: number;
  /** Reads one value; packed lists hold several in one field. */
  read(reader: BinaryReader): T;
  repeated: boolean;
  isScalar: boolean;
}

/** The fields of a message, by name. */
export type Message = Record<string, Field<unknown>>;

/** The value that a message is read into: lists for repeated fields, otherwise a value or nothing. */
export type Read<M extends Message> = {
  [K in keyof M]: M[K] extends Field<infer T> & { repeated: true }
    ? T[]
    : M[K] extends Field<infer T>
      ? T | undefined
      : never;
};

const scalars = {
  string: (reader: BinaryReader) => reader.string(),
  // Numbers beyond 2^53 occur as "to the end" alone, where their size is all that counts.
  int: (reader: BinaryReader) => Number(reader.int64()),
  float: (reader: BinaryReader) => reader.float(),
  double: (reader: BinaryReader) => reader.double(),
};
type Of<S extends Scalar> = ReturnType<(typeof scalars)[S]>;

/** Declares a field of one number or text. */
export function one<S extends Scalar>(no: number, type: S): Field<Of<S>> & { repeated: false } {
  return { no, read: scalars[type] as (reader: BinaryReader) => Of<S>, repeated: false, isScalar: true };
}

/** Declares a field of several numbers or texts. */
export function many<S extends Scalar>(no: number, type: S): Field<Of<S>> & { repeated: true } {
  return { no, read: scalars[type] as (reader: BinaryReader) => Of<S>, repeated: true, isScalar: true };
}

/** Declares a field of bytes: raw values, or a message that is read when it is needed. */
export function bytes(no: number): Field<Uint8Array> & { repeated: false } {
  return { no, read: (reader) => reader.bytes(), repeated: false, isScalar: false };
}

/** Declares a field of one message. */
export function message<M extends Message>(no: number, of: M): Field<Read<M>> & { repeated: false } {
  return { no, read: (reader) => readMessage(reader.bytes(), of), repeated: false, isScalar: false };
}

/** Declares a field of several messages. */
export function messages<M extends Message>(no: number, of: M): Field<Read<M>> & { repeated: true } {
  return { no, read: (reader) => readMessage(reader.bytes(), of), repeated: true, isScalar: false };
}

/** Reads a protobuf message; unknown fields are skipped. Throws when the bytes are no such message. */
export function readMessage<M extends Message>(given: Uint8Array, of: M): Read<M> {
  const reader = new BinaryReader(given);
  const byNo = new Map(Object.entries(of).map(([name, field]) => [field.no, { name, field }]));
  const found = Object.fromEntries(
    Object.entries(of).map(([name, { repeated }]) => [name, repeated ? [] : undefined]),
  ) as Record<string, unknown>;
  while (reader.pos < reader.len) {
    const [no, type] = reader.tag();
    const known = byNo.get(no);
    if (!known) {
      reader.skip(type, no);
      continue;
    }
    const { name, field } = known;
    if (!field.repeated) found[name] = field.read(reader);
    else if (field.isScalar && type === WireType.LengthDelimited && field.read !== scalars.string) {
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) (found[name] as unknown[]).push(field.read(reader));
    } else (found[name] as unknown[]).push(field.read(reader));
  }
  return found as Read<M>;
}
