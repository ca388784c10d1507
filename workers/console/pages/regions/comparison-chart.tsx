import type { RegionRun } from "#client/index.ts";
import { Chart } from "#console/parts/chart.tsx";
import { day, four, percent } from "#core/format.ts";

interface Props {
  title: string;
  runs: RegionRun[];
  /** The metric to draw. */
  of?: "accuracy" | "logLoss";
  isSmall?: boolean;
}

/** Charts the regional and the global head on held-out questions, by retrain. */
export function HeadComparisonChart({ title, runs, of = "accuracy", isSmall = false }: Props) {
  const judged = runs
    .toReversed()
    .flatMap(({ at, report }) => (report?.comparison ? [{ at, ...report.comparison }] : []));
  return (
    <Chart
      title={title}
      isSmall={isSmall}
      format={of === "accuracy" ? percent : four}
      steps={judged.map(({ at }) => day(at))}
      lines={[
        { name: "regional", kind: "own", values: judged.map(({ regional }) => regional[of]) },
        { name: "global", kind: "global", values: judged.map(({ global }) => global[of]) },
      ]}
    />
  );
}
