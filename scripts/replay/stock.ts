import type { Row } from "#origin/recipes/index.ts";

/** The labels that each region stocks: its callers take no other. */
export type Stock = ReadonlyMap<string, readonly string[]>;

/** Stocks in each region its `count` most frequent labels before `from` (ms since 1970), in the order of the labels. */
export function stockOf(rows: readonly Row[], labels: readonly string[], from: number, count: number): Stock {
  const stocked = [...Map.groupBy(rows, ({ region }) => region)].map(([region, own]) => {
    const times = new Map(labels.map((label) => [label, 0]));
    for (const { label, at } of own) if (at < from) times.set(label, (times.get(label) ?? 0) + 1);
    const frequent = labels.toSorted((a, b) => (times.get(b) as number) - (times.get(a) as number)).slice(0, count);
    return [region, labels.filter((label) => frequent.includes(label))] as const;
  });
  return new Map(stocked);
}
