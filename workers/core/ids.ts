import { fail, ok, type Result } from "./result.ts";

/** What a question's id says by itself: which object knows it. */
export interface QuestionAddress {
  model: string;
  region: string;
}

/**
 * Mints a question id, `{model}~{region}~{unique}`, so that a later truth finds its object.
 *
 * @example mintId({ model: "weather", region: "Alice Springs" }) // "weather~Alice%20Springs~0mb3k…"
 */
export function mintId(address: QuestionAddress, unique: string = sortableUnique()): string {
  return [address.model, address.region, unique].map(encodeURIComponent).join("~");
}

/** The model and region that an id names. */
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

// Time first, so that ids sort by when they were minted.
function sortableUnique(): string {
  const random = crypto.getRandomValues(new Uint8Array(10));
  return Date.now().toString(36).padStart(9, "0") + Array.from(random, (b) => (b % 36).toString(36)).join("");
}
