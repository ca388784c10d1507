import { Chart } from "#console/parts/chart.tsx";
import { percent } from "#core/format.ts";
import type { DemoRound } from "./play.ts";

/** The edge's share, its error and the valid certificates, by round. */
export function DemoCharts({ rounds, regions }: { rounds: readonly DemoRound[]; regions: number }) {
  const common = {
    ...{ steps: rounds.map((_, i) => `round ${i + 1}`), stepsAre: "rounds", empty: "No round yet." },
    ...{ isFromZero: true },
  };
  return (
    <div class="charts">
      <Chart
        {...common}
        title="Answered by the edge"
        format={percent}
        lines={[
          { name: "share of the questions", kind: "edge", values: rounds.map(({ asked, byEdge }) => byEdge / asked) },
        ]}
      />
      <Chart
        {...common}
        title="Regions with a valid certificate"
        format={(n) => String(Math.round(n))}
        lines={[
          { name: "valid", kind: "region", values: rounds.map(({ valid }) => valid) },
          { name: "all", kind: "target", isDashed: true, values: rounds.map(() => regions) },
        ]}
      />
      <Chart
        {...common}
        title="Error of the edge's answers"
        format={percent}
        lines={[
          {
            ...{ name: "all rounds so far", kind: "edge" },
            values: rounds.map((_, i) => {
              const until = rounds.slice(0, i + 1);
              const given = until.reduce((sum, { byEdge }) => sum + byEdge, 0);
              return given === 0 ? null : until.reduce((sum, { wrong }) => sum + wrong, 0) / given;
            }),
          },
        ]}
      />
    </div>
  );
}
