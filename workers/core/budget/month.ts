/** Formats the calendar month (UTC) of a time, ms since 1970, as "2026-11". */
export function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7);
}

/** Returns when a month ends, ms since 1970. */
export function monthEnd(month: string): number {
  const [year, number] = month.split("-").map(Number) as [number, number];
  return Date.UTC(year, number, 1);
}
