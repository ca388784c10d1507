/** Bytes of WebAssembly instructions, in the order of a stack machine. */
export type Code = readonly number[];
export type Type = "i32" | "f32" | "v128";

/** A parameter or local variable of a routine. */
export interface Local {
  type: Type;
  get: Code;
  set(value: Code): Code;
}

/** Writes an unsigned integer as LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return bytes;
}

/** Writes a signed integer of 32 bits as LEB128. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const isLast = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(isLast ? low : low | 0x80);
    if (isLast) return bytes;
  }
}

/** Joins instructions that follow each other. */
export const sequence = (...parts: Code[]): Code => parts.flat();

const binary = (opcode: number) => (a: Code, b: Code) => [...a, ...b, opcode];
const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
const simdUnary = (opcode: number) => (a: Code) => [...a, ...simd(opcode)];
const simdBinary = (opcode: number) => (a: Code, b: Code) => [...a, ...b, ...simd(opcode)];
/** A load from an address and a constant offset; `align` is the alignment's binary logarithm. */
const load =
  (opcode: number[], align: number) =>
  (address: Code, offset = 0) => [...address, ...opcode, align, ...unsigned(offset)];
const store =
  (opcode: number[], align: number) =>
  (address: Code, value: Code, offset = 0) => [...address, ...value, ...opcode, align, ...unsigned(offset)];

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  add: binary(0x6a),
  sub: binary(0x6b),
  mul: binary(0x6c),
  and: binary(0x71),
  lt: binary(0x49),
  ge: binary(0x4f),
};

export const f32 = {
  load: load([0x2a], 2),
  store: store([0x38], 2),
};

/** Four floats, or four integers, at once. */
export const v128 = {
  load: load(simd(0x00), 2),
  store: store(simd(0x0b), 2),
  /** Loads one float or integer into all lanes. */
  loadSplat: load(simd(0x09), 2),
  zero: [...simd(0x0c), ...new Array<number>(16).fill(0)] as Code,
  /** Takes lanes of two vectors: 0 to 3 of the first, 4 to 7 of the second. */
  shuffle: (a: Code, b: Code, lanes: readonly number[]): Code => {
    return [...a, ...b, ...simd(0x0d), ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte))];
  },
  and: simdBinary(0x4e),
  /** a and not b. */
  andNot: simdBinary(0x4f),
  or: simdBinary(0x50),
  xor: simdBinary(0x51),
};

export const f32x4 = {
  splat: simdUnary(0x13),
  eq: simdBinary(0x41),
  gt: simdBinary(0x44),
  sqrt: simdUnary(0xe3),
  add: simdBinary(0xe4),
  sub: simdBinary(0xe5),
  mul: simdBinary(0xe6),
  div: simdBinary(0xe7),
  max: simdBinary(0xe9),
};

export const i32x4 = {
  splat: simdUnary(0x11),
  /** Whether unsigned a ≥ b: all bits set where it is. */
  geUnsigned: simdBinary(0x40),
  shrUnsigned: (a: Code, bits: number): Code => [...a, ...i32.const(bits), ...simd(0xad)],
  add: simdBinary(0xae),
  mul: simdBinary(0xb5),
};

/** Runs `body` while `index`, raised by `step` each time, is less than `end`. */
export function whileBelow(index: Local, end: Code, step: Code, body: Code): Code {
  const isBelow = i32.lt(index.get, end);
  const skipIfNot = [...i32.ge(index.get, end), 0x0d, 0];
  const again = [...index.set(i32.add(index.get, step)), ...isBelow, 0x0d, 0];
  return [0x02, 0x40, ...skipIfNot, 0x03, 0x40, ...body, ...again, 0x0b, 0x0b];
}

/** Runs one of two parts of code. */
export function either(condition: Code, yes: Code, no: Code): Code {
  return [...condition, 0x04, 0x40, ...yes, 0x05, ...no, 0x0b];
}
