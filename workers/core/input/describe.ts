/** Describes a value briefly, for an error. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  // Deeper values are left out: they may be nested more deeply than the stack allows.
  const text = JSON.stringify(value, (key, inner) => (key === "" || typeof inner !== "object" || !inner ? inner : "…"));
  return `${typeof value === "object" ? "" : `${typeof value} `}${text.length > 80 ? `${text.slice(0, 77)}…` : text}`;
}
