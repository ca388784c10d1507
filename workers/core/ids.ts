import { toHex } from "./hash.ts";
import { randomBytes } from "./random.ts";
import { fail, ok, type Result } from "./result.ts";

/** The model and region in a question's id: they name the object that stores the question. */
export interface QuestionAddress {
  model: string;
  region: string;
}

/**
 * Creates a question id, `{model}~{region}~{unique}`, that routes a later label to its object.
 *
 * @example mintId({ model: "weather", region: "Alice Springs" }) // "weather~Alice%20Springs~0mb3k…"
 */
export function mintId(address: QuestionAddress, unique: string = sortableUnique()): string {
  return [address.model, address.region, unique].map(encodeIdPart).join("~");
}

const digits = "0123456789abcdefghijklmnopqrstuvwxyz";
const plainPart = /^[\w.-]*$/;

/** Percent-encodes a part of an id; unlike `encodeURIComponent` also '~', which separates the parts. */
export function encodeIdPart(text: string): string {
  if (plainPart.test(text)) return text;
  return encodeURIComponent(text).replaceAll("~", "%7E");
}

/** Parses the model and region out of a question id. */
export function parseId(id: string): Result<QuestionAddress, string> {
  const parts = id.split("~");
  if (parts.length !== 3 || parts.some((part) => part === "")) return fail("{model}~{region}~{unique}");
  try {
    const [model, region] = parts.map(decodeURIComponent) as [string, string];
    return ok({ model, region });
  } catch {
    return fail("{model}~{region}~{unique}, percent-encoded");
  }
}

/** Makes the last part of an id that nobody can guess: 128 random bits, after the time. */
export function secretUnique(): string {
  return Date.now().toString(36).padStart(9, "0") + toHex(randomBytes(16));
}

// Starts with the time, so that ids sort by when they were created.
function sortableUnique(): string {
  let text = Date.now().toString(36).padStart(9, "0");
  for (const byte of randomBytes(10)) text += digits[byte % digits.length];
  return text;
}
