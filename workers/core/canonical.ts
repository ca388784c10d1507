import canonicalize from "canonicalize";

/** Serialises a JSON value in canonical form (RFC 8785): equal values give equal text. */
export function canonicalJson(value: unknown): string {
  const text: string | undefined = canonicalize(value);
  if (text === undefined) throw new TypeError(`value must be a JSON value; received ${typeof value}.`);
  return text;
}
