import { toHex } from "./hash.ts";
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

/** Percent-encodes a part of an id; unlike `encodeURIComponent` also '~', which separates the parts. */
export function encodeIdPart(text: string): string {
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
  return Date.now().toString(36).padStart(9, "0") + toHex(crypto.getRandomValues(new Uint8Array(16)).buffer);
}

// Starts with the time, so that ids sort by when they were created.
function sortableUnique(): string {
  const random = crypto.getRandomValues(new Uint8Array(10));
  return Date.now().toString(36).padStart(9, "0") + Array.from(random, (b) => (b % 36).toString(36)).join("");
}
