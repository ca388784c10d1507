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
  return idsIn(address)(unique);
}

/** Returns a function that creates ids of one address; many have the same. */
export function idsIn({ model, region }: QuestionAddress): (unique?: string) => string {
  const address = `${encodeIdPart(model)}~${encodeIdPart(region)}~`;
  return (unique) => address + (unique === undefined ? sortableUnique() : encodeIdPart(unique));
}

const digits = Array.from("0123456789abcdefghijklmnopqrstuvwxyz", (digit) => digit.charCodeAt(0));
const digitOfByte = Uint8Array.from({ length: 256 }, (_, byte) => digits[byte % digits.length] as number);
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
  return timeText() + toHex(randomBytes(16));
}

// Starts with the time, so that ids sort by when they were created.
function sortableUnique(): string {
  const random = randomBytes(10);
  for (let i = 0; i < random.length; i++) random[i] = digitOfByte[random[i] as number] as number;
  // A spread goes through an iterator, which takes several times as long.
  return timeText() + String.fromCharCode.apply(null, random as unknown as number[]);
}

let last = { ms: 0, text: "" };

// The ids of a batch have one time.
function timeText(): string {
  const ms = Date.now();
  if (ms !== last.ms) last = { ms, text: ms.toString(36).padStart(9, "0") };
  return last.text;
}
