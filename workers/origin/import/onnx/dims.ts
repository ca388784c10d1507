import { OnnxError } from "./errors.ts";

/** A size, or an element of a shape, that is known when the batch is: times · batch + plus. */
export interface OfBatch {
  times: number;
  plus: number;
}
export type Dim = number | OfBatch;

/** The size of the batch. */
export const batch: OfBatch = { times: 1, plus: 0 };

export function isKnown(dim: Dim): dim is number {
  return typeof dim === "number";
}

/** Checks whether two sizes are equal for every batch. */
export function same(a: Dim, b: Dim): boolean {
  const [x, y] = [linear(a), linear(b)];
  return x.times === y.times && x.plus === y.plus;
}

export function sum(a: Dim, b: Dim): Dim {
  const [x, y] = [linear(a), linear(b)];
  return simple(x.times + y.times, x.plus + y.plus);
}

export function difference(a: Dim, b: Dim): Dim {
  return sum(a, times(b, -1));
}

export function times(a: Dim, b: Dim): Dim {
  if (isKnown(a) && isKnown(b)) return a * b;
  if (isKnown(b)) return times(b, a);
  if (!isKnown(a)) throw new OnnxError("its shape has the product of the batch with itself");
  return simple(a * b.times, a * b.plus);
}

/** Divides exactly; null when the quotient is not a whole number for every batch. */
export function quotient(a: Dim, b: Dim): Dim | null {
  if (same(a, b)) return 1;
  if (!isKnown(b)) {
    const [x, y] = [linear(a), b];
    const by = x.times / y.times;
    return Number.isInteger(by) && x.plus === by * y.plus ? by : null;
  }
  const { times: k, plus } = linear(a);
  return Number.isInteger(k / b) && Number.isInteger(plus / b) ? simple(k / b, plus / b) : null;
}

export function product(dims: readonly Dim[]): Dim {
  return dims.reduce(times, 1);
}

/** Returns sizes as numbers. Throws when one depends on the batch. */
export function numbers(dims: readonly Dim[], what: string): number[] {
  return dims.map((dim) => {
    if (isKnown(dim)) return dim;
    throw new OnnxError(`${what} depends on the batch`);
  });
}

/** Writes a shape as people read it. */
export function textOf(shape: readonly Dim[]): string {
  const one = (dim: Dim) =>
    isKnown(dim) ? `${dim}` : `${dim.times === 1 ? "" : dim.times}batch${dim.plus ? `+${dim.plus}` : ""}`;
  return `[${shape.map(one).join(", ")}]`;
}

function linear(dim: Dim): OfBatch {
  return isKnown(dim) ? { times: 0, plus: dim } : dim;
}

function simple(k: number, plus: number): Dim {
  return k === 0 ? plus : { times: k, plus };
}
