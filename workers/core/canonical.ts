import canonicalize from "canonicalize";

/** Serialises a JSON value in canonical form (RFC 8785): equal values give equal text. */
export function canonicalJson(value: unknown): string {
  const text: string | undefined = flatJson(value) ?? canonicalize(value);
  if (text === undefined) throw new TypeError(`value must be a JSON value; received ${typeof value}.`);
  return text;
}

/** Serialises an object of numbers, booleans and texts, as most instances are; null for another value. */
function flatJson(value: unknown): string | null {
  if (typeof value !== "object" || value === null || Array.isArray(value) || "toJSON" in value) return null;
  const object = value as Record<string, unknown>;
  const parts: string[] = [];
  for (const name of Object.keys(object).sort()) {
    const inner = object[name];
    if (!isPlain(inner) || !name.isWellFormed()) return null;
    parts.push(`${JSON.stringify(name)}:${JSON.stringify(inner)}`);
  }
  return `{${parts.join(",")}}`;
}

function isPlain(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  return typeof value === "string" ? value.isWellFormed() : typeof value === "boolean" || value === null;
}
