import * as z from "zod";

export type Nested = number | Nested[];

/**
 * What is asked about: named columns for a `features` input, (nested) numbers for a tensor, those of each input by its
 * name where a model has several.
 */
export type Instance = Record<string, number | string | boolean | null | Nested[]> | Nested[];

/** Checked by hand, not by nested schemas: it is on the path of every question, and the input checks each value again. */
export const instanceSchema = z
  .custom<Instance>(isInstance, "an object of named columns, or an array of numbers")
  .meta({ id: "Instance" });

/** No tensor has more dimensions; what is nested deeper would only exhaust the stack. */
const depthMax = 8;

function isInstance(value: unknown): value is Instance {
  if (Array.isArray(value)) return isNested(value, 0);
  return typeof value === "object" && value !== null && Object.values(value).every(isValue);
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
