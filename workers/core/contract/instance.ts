import * as z from "zod";

export type Nested = number | Nested[];

/** What is asked about: named columns for a `features` input, (nested) numbers for a `tensor` input. */
export type Instance = Record<string, number | string | boolean | null> | Nested[];

/** Checked by hand, not by nested schemas: it is on the path of every question, and the input checks each value again. */
export const instanceSchema = z.custom<Instance>(isInstance, "an object of named columns, or an array of numbers");

function isInstance(value: unknown): value is Instance {
  if (Array.isArray(value)) return value.every(isNested);
  return typeof value === "object" && value !== null && Object.values(value).every(isPlain);
}

function isNested(value: unknown): value is Nested {
  return typeof value === "number" || (Array.isArray(value) && value.every(isNested));
}

function isPlain(value: unknown): boolean {
  return value === null || typeof value === "number" || typeof value === "string" || typeof value === "boolean";
}
