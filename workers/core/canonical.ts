import canonicalize from "canonicalize";

/** A JSON value in its RFC 8785 form: the same text for the same value. */
export function canonicalJson(value: unknown): string {
  const text: string | undefined = canonicalize(value);
  if (text === undefined) throw new TypeError(`Error in canonicalJson: expected a JSON value, but got ${typeof value}`);
  return text;
}
