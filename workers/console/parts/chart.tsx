/** A line of a chart: a value for each step, or null. */
interface ChartLine {
  name: string;
  kind: "own" | "global";
  values: (number | null)[];
}

interface Props {
  title: string;
  lines: ChartLine[];
  /** Formats a value for scale and legend. */
  format: (value: number) => string;
  /** Names of the steps. */
  steps: string[];
  isSmall?: boolean;
}

const [width, height, pad] = [240, 84, 6];

/** A small line chart; its last values are also given as text for screen readers. */
export function Chart({ title, lines, format, steps, isSmall = false }: Props) {
  const known = lines.flatMap(({ values }) => values).filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const x = (step: number) => pad + (steps.length < 2 ? 0.5 : step / (steps.length - 1)) * (width - 2 * pad);
  const y = (value: number) =>
    high === low ? height / 2 : height - pad - ((value - low) / (high - low)) * (height - 2 * pad);
  const summary = lines.map(({ name, values }) => `${name} ${lastOf(values, format)}`).join(", ");
  return (
    <figure class={isSmall ? "chart small" : "chart"}>
      <figcaption>{title}</figcaption>
      {known.length === 0 ? (
        <p class="muted">No retrain has compared heads yet.</p>
      ) : (
        <>
          <svg
            viewBox={`0 0 ${width} ${height}`}
            role="img"
            aria-label={`${title}: ${summary}, ${steps.length} retrains`}
          >
            {lines.map(({ name, kind, values }) => (
              <g key={name} class={kind}>
                <path d={pathOf(values, x, y)} />
                {values.map(
                  (value, step) => value !== null && <circle key={steps[step]} cx={x(step)} cy={y(value)} r="2.2" />,
                )}
              </g>
            ))}
          </svg>
          <p class="scale">
            <span>
              {format(low)} to {format(high)}
            </span>
            <span>
              {steps[0]}
              {steps.length > 1 && ` to ${steps.at(-1)}`}
            </span>
          </p>
          <p class="legend">
            {lines.map(({ name, kind, values }) => (
              <span key={name} class={kind}>
                {name} <b>{lastOf(values, format)}</b>
              </span>
            ))}
          </p>
        </>
      )}
    </figure>
  );
}

function lastOf(values: ChartLine["values"], format: Props["format"]): string {
  const last = values.findLast((value) => value !== null);
  return last === undefined || last === null ? "–" : format(last);
}

function pathOf(values: ChartLine["values"], x: (step: number) => number, y: (value: number) => number): string {
  let isDown = false;
  return values
    .map((value, step) => {
      if (value === null) return "";
      const move = `${isDown ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`;
      isDown = true;
      return move;
    })
    .join("");
}
