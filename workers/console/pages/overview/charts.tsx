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
  const isOneDay = moment(steps[0]?.at ?? 0).slice(0, 10) === moment(steps.at(-1)?.at ?? 0).slice(0, 10);
  const nameOf = (at: number) => (isOneDay ? moment(at).slice(11) : moment(at).slice(5, 16));
  const names = steps.map(({ at }) => (isLive ? new Date(at).toISOString().slice(11, 19) : nameOf(at)));
  if (steps.every(({ questions, judged }) => questions === 0 && judged === 0)) return <p class="muted">{empty}</p>;
  const common = { steps: names, stepsAre: "steps of time", empty: "No labels yet." };
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
        title="Error of the edge's answers that have labels"
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
          lineOf("all rungs", "edge", ({ usdPerMillion }) => usdPerMillion),
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
