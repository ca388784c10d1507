/** What a value is, short enough for an error. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  // What is nested deeper says nothing more, and may be nested deeper than a stack is.
  const text = JSON.stringify(value, (key, inner) => (key === "" || typeof inner !== "object" || !inner ? inner : "…"));
  return `${typeof value === "object" ? "" : `${typeof value} `}${text.length > 80 ? `${text.slice(0, 77)}…` : text}`;
}
