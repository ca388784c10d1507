import type { RegionRun } from "#client/index.ts";
import { Chart } from "#console/parts/chart.tsx";
import { day, percent, three } from "#core/format.ts";

interface Props {
  title: string;
  runs: RegionRun[];
  /** The metric to draw. */
  of?: "accuracy" | "logLoss";
  isSmall?: boolean;
}

/** Charts the regional and the global head on held-out questions, by retrain, with a mark where a head was promoted. */
export function HeadComparisonChart({ title, runs, of = "accuracy", isSmall = false }: Props) {
  const judged = runs
    .toReversed()
    .flatMap(({ at, status, report }) => (report?.comparison ? [{ at, status, ...report.comparison }] : []));
  return (
    <Chart
      title={title}
      isSmall={isSmall}
      format={of === "accuracy" ? percent : three}
      steps={judged.map(({ at }) => day(at))}
      stepsAre="retrains"
      empty="No retrain has compared heads yet."
      lines={[
        { name: "regional", kind: "own", values: judged.map(({ regional }) => regional[of]) },
        { name: "global", kind: "global", isDashed: true, values: judged.map(({ global }) => global[of]) },
      ]}
      marks={judged.flatMap(({ at, status }, step) =>
        status === "promoted" ? [{ step, title: `A new head was promoted on ${day(at)}` }] : [],
      )}
    />
  );
}
