import * as z from "zod";

export type Nested = number | Nested[];

/**
 * The data of a question: named columns for a `features` input, (nested) numbers for a tensor, or the numbers of each
 * input by name if a model has several inputs.
 */
export type Instance = Record<string, number | string | boolean | null | Nested[]> | Nested[];

/** Checked by a function instead of nested schemas, for speed: every question passes here, and the input checks each value. */
export const instanceSchema = z
  .custom<Instance>(isInstance, "an object of named columns, or an array of numbers")
  .meta({ id: "Instance" });

/** The largest number of dimensions. Deeper nesting would exhaust the stack. */
const depthMax = 8;

/** Tells whether a value is the data of a question. */
export function isInstance(value: unknown): value is Instance {
  if (Array.isArray(value)) return isNested(value, 0);
  if (typeof value !== "object" || value === null) return false;
  // A loop over the keys in place takes a third of the time of a list of them.
  for (const key in value) if (!isValue((value as Record<string, unknown>)[key])) return false;
  return true;
}

function isValue(value: unknown): boolean {
  return isPlain(value) || (Array.isArray(value) && isNested(value, 0));
}

function isNested(value: unknown, depth: number): value is Nested {
  if (typeof value === "number") return true;
  return Array.isArray(value) && depth < depthMax && value.every((part) => isNested(part, depth + 1));
}

function isPlain(value: unknown): boolean {
  return value === null || typeof value === "number" || typeof value === "string" || typeof value === "boolean";
}
