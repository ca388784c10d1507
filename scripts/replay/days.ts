import type { Row } from "#origin/recipes/index.ts";

export const dayMs = 24 * 3600_000;

/** A day of a replay, counted from 1970, and the rows that are asked about on it. */
export interface Day {
  day: number;
  rows: Row[];
}

/** The days that a replay plays, in order: those with rows from `from` to `to`, both ms since 1970. */
export function daysOf(rows: readonly Row[], { from, to }: { from: number; to: number }): Day[] {
  const asked = rows.filter(({ at }) => at >= from && at <= to);
  return [...Map.groupBy(asked, ({ at }) => Math.floor(at / dayMs))]
    .map(([day, rowsOfDay]) => ({ day, rows: rowsOfDay }))
    .sort((a, b) => a.day - b.day);
}

/** The ISO date of a time. */
export function isoDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** The year of a time, as text. */
export function yearOf(at: number): string {
  return isoDay(at).slice(0, 4);
}
