import type { SeriesRange } from "#client/index.ts";
import { type ConsoleRoute, linkTo } from "#console/route.ts";

/** The time that charts show: the last minutes as this page saw them, or a series of the registry. */
export type ShownRange = "live" | SeriesRange;

const ranges: readonly ShownRange[] = ["live", "hour", "day", "week", "month"];

/** Returns the range that an address names; an hour unless it names one. */
export function rangeOf({ query }: ConsoleRoute): ShownRange {
  return ranges.find((range) => range === query.get("range")) ?? "hour";
}

/** Links to each range. */
export function RangeChoice({ chosen }: { chosen: ShownRange }) {
  return (
    <nav class="models" aria-label="Time range">
      {ranges.map((range) => (
        <a
          key={range}
          href={`${linkTo("overview")}?range=${range}`}
          aria-current={range === chosen ? "true" : undefined}
        >
          {range}
        </a>
      ))}
    </nav>
  );
}
