import type { RegionRun } from "../../../client/index.ts";
import { day, percent } from "../../../core/format.ts";
import { Chart } from "../../parts/chart.tsx";

/** How the region's head and the global one answered what neither learned from, run by run. */
export function StandingChart({
  title,
  runs,
  isSmall = false,
}: {
  title: string;
  runs: RegionRun[];
  isSmall?: boolean;
}) {
  const judged = runs.filter(({ report }) => report?.standing).toReversed();
  return (
    <Chart
      title={title}
      isSmall={isSmall}
      format={percent}
      steps={judged.map(({ at }) => day(at))}
      lines={[
        {
          name: "regional",
          kind: "own",
          values: judged.map(({ report }) => report?.standing?.regional.accuracy ?? null),
        },
        {
          name: "global",
          kind: "global",
          values: judged.map(({ report }) => report?.standing?.global.accuracy ?? null),
        },
      ]}
    />
  );
}
