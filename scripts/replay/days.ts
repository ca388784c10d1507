import type { Row } from "#origin/recipes/index.ts";

export const dayMs = 24 * 3600_000;

/** A day of a replay, counted from 1970, with its rows. */
export interface Day {
  day: number;
  rows: Row[];
}

/** Groups the rows from `from` to `to` (ms since 1970) by day, in order. */
export function daysOf(rows: readonly Row[], { from, to }: { from: number; to: number }): Day[] {
  const asked = rows.filter(({ at }) => at >= from && at <= to);
  return [...Map.groupBy(asked, ({ at }) => Math.floor(at / dayMs))]
    .map(([day, rowsOfDay]) => ({ day, rows: rowsOfDay }))
    .sort((a, b) => a.day - b.day);
}

/** Formats a time as ISO date. */
export function isoDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** Formats the year of a time. */
export function yearOf(at: number): string {
  return isoDay(at).slice(0, 4);
}
