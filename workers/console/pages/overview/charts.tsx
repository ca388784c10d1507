import type { RungName, SeriesStep, UpriverClient } from "#client/index.ts";
import { Chart, type ChartLine } from "#console/parts/chart.tsx";
import { rungTitles } from "#console/parts/rung-titles.ts";
import { Loaded } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { count, dollars, duration, moment, percent } from "#core/format.ts";
import type { ShownRange } from "./range.tsx";

interface Props {
  steps: readonly SeriesStep[];
  targetRisk: number | null;
  ladder: readonly RungName[];
  /** What is said where nothing was counted. */
  empty: string;
  isLive?: boolean;
}

const everyMs = 15_000;

/** The charts of a model from the series that its registry keeps. */
export function SeriesCharts({
  client,
  model,
  range,
  ...rest
}: { client: UpriverClient; model: string; range: Exclude<ShownRange, "live"> } & Pick<
  Props,
  "targetRisk" | "ladder"
>) {
  const series = usePolled(`series ${model} ${range}`, () => client.series(model, range), everyMs);
  return (
    <Loaded of={series}>
      {({ steps }) => <Charts {...rest} steps={steps} empty={`No question in this ${range}.`} />}
    </Loaded>
  );
}

/** Answers by rung, error against its target, cost against the origin alone, and latency, over time. */
export function Charts({ steps, targetRisk, ladder, empty, isLive = false }: Props) {
  const names = steps.map(({ at }) => (isLive ? new Date(at).toISOString().slice(11, 19) : moment(at).slice(5, 16)));
  if (steps.every(({ questions, judged }) => questions === 0 && judged === 0)) return <p class="muted">{empty}</p>;
  const common = { steps: names, stepsAre: "steps of time", empty: "No label came." };
  const lineOf = (
    name: string,
    kind: ChartLine["kind"],
    of: (step: SeriesStep) => number | null,
    isDashed = false,
  ) => ({
    ...{ name, kind, isDashed, values: steps.map(of) },
  });
  const target = targetRisk === null ? [] : [lineOf("target", "target", () => targetRisk, true)];
  return (
    <div class="charts">
      <Chart
        {...common}
        title="Answers by rung"
        format={(n) => count(Math.round(n))}
        isStacked
        lines={ladder.map((rung) => lineOf(rungTitles[rung], rung, ({ answered }) => answered[rung]))}
      />
      <Chart
        {...common}
        title="Error of the edge's answers, by labels that came"
        format={percent}
        isFromZero
        lines={[lineOf("error", "edge", ({ error }) => error), ...target]}
      />
      <Chart
        {...common}
        title="Cost of a million questions"
        format={dollars}
        isFromZero
        lines={[
          lineOf("as they came", "edge", ({ usdPerMillion }) => usdPerMillion),
          lineOf("origin only", "origin", ({ originUsdPerMillion }) => originUsdPerMillion, true),
        ]}
      />
      <Chart
        {...common}
        title={isLive ? "Latency at the edge since the first question" : "Latency, without people"}
        format={(ms) => duration(ms)}
        isFromZero
        lines={[lineOf("p50", "edge", ({ p50Ms }) => p50Ms), lineOf("p99", "human", ({ p99Ms }) => p99Ms, true)]}
      />
    </div>
  );
}
