import { ticksOf } from "./ticks.ts";

/** A line of a chart: a value for each step, or null where there is none. */
export interface ChartLine {
  name: string;
  kind: "own" | "global" | "target" | "edge" | "region" | "origin" | "human";
  values: readonly (number | null)[];
  isDashed?: boolean;
}

/** An event at a step of a chart. */
export interface ChartMark {
  step: number;
  title: string;
}

interface Props {
  title: string;
  lines: readonly ChartLine[];
  /** Formats a value for axis and legend. */
  format: (value: number) => string;
  /** Names of the steps. */
  steps: readonly string[];
  /** What the steps are, for screen readers. */
  stepsAre: string;
  /** Whether each line is drawn above the one before, as an area. */
  isStacked?: boolean;
  /** Whether the axis starts at zero. */
  isFromZero?: boolean;
  marks?: readonly ChartMark[];
  empty: string;
  isSmall?: boolean;
}

/** A chart with axes. Its last values stand below as text; those of areas are totals. */
export function Chart(props: Props) {
  const { title, lines, format, steps, stepsAre, empty, isSmall = false, isStacked = false } = props;
  const figureOf = (line: ChartLine) => (isStacked ? totalOf(line, format) : lastOf(line, format));
  const isEmpty = lines.every(({ values }) => values.every((value) => value === null));
  return (
    <figure class={isSmall ? "chart small" : "chart"}>
      <figcaption>{title}</figcaption>
      {isEmpty ? (
        <p class="muted">{empty}</p>
      ) : (
        <>
          <Drawing
            {...props}
            summary={`${title}: ${lines.map((line) => `${line.name} ${figureOf(line)}`).join(", ")}; ${steps.length} ${stepsAre}`}
          />
          <p class="legend">
            {lines.map((line) => (
              <span key={line.name} class={line.isDashed ? `${line.kind} dashed` : line.kind}>
                {line.name} <b>{figureOf(line)}</b>
              </span>
            ))}
          </p>
        </>
      )}
    </figure>
  );
}

const pad = { left: 54, right: 10, top: 8, bottom: 20 };

function Drawing(props: Props & { summary: string }) {
  const { lines, format, steps, isStacked = false, isFromZero = isStacked, marks = [], isSmall = false } = props;
  const [width, height] = isSmall ? [240, 110] : [420, 170];
  const tops = isStacked ? stacked(lines) : lines.map(({ values }) => values);
  const known = tops.flat().filter((value) => value !== null);
  const ticks = ticksOf(isFromZero ? 0 : Math.min(...known), Math.max(...known), isSmall ? 2 : 4);
  const [low, high] = [ticks[0] as number, ticks.at(-1) as number];
  const x = (step: number) =>
    pad.left + (steps.length < 2 ? 0.5 : step / (steps.length - 1)) * (width - pad.left - pad.right);
  const y = (value: number) => height - pad.bottom - ((value - low) / (high - low)) * (height - pad.top - pad.bottom);
  const last = steps.length - 1;
  return (
    <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={props.summary}>
      {ticks.map((tick) => (
        <g key={tick}>
          <line class="grid" x1={pad.left} x2={width - pad.right} y1={y(tick)} y2={y(tick)} />
          <text x={pad.left - 5} y={y(tick) + 4} text-anchor="end">
            {short(format(tick))}
          </text>
        </g>
      ))}
      <text x={last > 0 ? pad.left : x(0)} y={height - 5} text-anchor={last > 0 ? "start" : "middle"}>
        {steps[0]}
      </text>
      {last > 0 && (
        <text x={width - pad.right} y={height - 5} text-anchor="end">
          {steps[last]}
        </text>
      )}
      {lines
        .map(({ name, kind, isDashed }, i) => (
          <g key={name} class={isDashed ? `${kind} dashed` : kind}>
            {isStacked ? (
              <path class="area" d={areaOf(tops[i] ?? [], x, y, y(low))} />
            ) : (
              <path class="line" d={pathOf(tops[i] ?? [], x, y)} />
            )}
            {!isStacked &&
              kind !== "target" &&
              pointsOf(tops[i] ?? []).map(([step, value]) => <circle key={step} cx={x(step)} cy={y(value)} r="2" />)}
          </g>
        ))
        // The tallest area is behind the others.
        .toReversed()}
      {marks.map(({ step, title }) => (
        <line key={step} class="mark" x1={x(step)} x2={x(step)} y1={pad.top} y2={height - pad.bottom}>
          <title>{title}</title>
        </line>
      ))}
    </svg>
  );
}

type Values = readonly (number | null)[];

/** Adds each line to the ones below it. */
function stacked(lines: readonly ChartLine[]): Values[] {
  const sums = new Map<number, number>();
  return lines.map(({ values }) =>
    values.map((value, step) => {
      if (value === null) return null;
      const sum = (sums.get(step) ?? 0) + value;
      sums.set(step, sum);
      return sum;
    }),
  );
}

function lastOf({ values }: ChartLine, format: Props["format"]): string {
  const last = values.findLast((value) => value !== null);
  return last === undefined || last === null ? "–" : format(last);
}

function totalOf({ values }: ChartLine, format: Props["format"]): string {
  return format(values.reduce<number>((sum, value) => sum + (value ?? 0), 0));
}

/** Leaves out the zeros at the end of a tick's decimals. */
function short(tick: string): string {
  return tick.replace(/(\.\d*?)0+(?!\d)/, "$1").replace(/\.(?!\d)/, "");
}

const manyPoints = 40;

/** The points that are drawn as dots: all of few, else those without a neighbour, which no line shows. */
function pointsOf(values: Values): [step: number, value: number][] {
  return values.flatMap((value, step): [number, number][] => {
    const isAlone = (values[step - 1] ?? null) === null && (values[step + 1] ?? null) === null;
    return value !== null && (isAlone || values.length <= manyPoints) ? [[step, value]] : [];
  });
}

type Scale = (value: number) => number;

function pathOf(values: Values, x: Scale, y: Scale): string {
  let isDown = false;
  return values
    .map((value, step) => {
      const move = value === null ? "" : `${isDown ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`;
      isDown = value !== null;
      return move;
    })
    .join("");
}

/** Like `pathOf`, down to a floor: a step without a value is on it. */
function areaOf(values: Values, x: Scale, y: Scale, floor: number): string {
  const tops = values.map((value, step) => `L${x(step).toFixed(1)} ${(value === null ? floor : y(value)).toFixed(1)}`);
  return `M${x(0).toFixed(1)} ${floor}${tops.join("")}L${x(values.length - 1).toFixed(1)} ${floor}Z`;
}
