/** What a number looks like as text: a decimal point, an exponent, no thousands separators, no units. */
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Parses a number as people and files write it; null for anything else, and for numbers that are not finite. */
export function parseNumber(text: string): number | null {
  const trimmed = text.trim();
  if (!decimal.test(trimmed)) return null;
  const value = Number(trimmed);
  // −0 and 0 are one number.
  return Number.isFinite(value) ? value + 0 : null;
}
