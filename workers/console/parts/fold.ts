/** Equal entries in a row: all of them, the newest first, how many they are, and the time of the oldest. */
export interface Folded<T> {
  last: T;
  all: T[];
  times: number;
  firstAt: number;
}

/** Folds entries in a row whose keys are equal. They come newest first. */
export function foldEqual<T extends { at: number }>(entries: readonly T[], keyOf: (entry: T) => string): Folded<T>[] {
  const folded: Folded<T>[] = [];
  for (const entry of entries) {
    const before = folded.at(-1);
    if (before && keyOf(before.last) === keyOf(entry)) {
      before.times++;
      before.all.push(entry);
      before.firstAt = entry.at;
    } else folded.push({ last: entry, all: [entry], times: 1, firstAt: entry.at });
  }
  return folded;
}
