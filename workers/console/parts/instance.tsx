import { useEffect, useRef } from "preact/hooks";
import type { Input, Instance } from "#client/index.ts";

type Values = Record<string, unknown>;

/** Distance from the mean, in standard deviations, from which a number is marked. */
const unusualFrom = 2.5;

/** Shows an instance as a picture, as a table with unusual values marked, or as numbers. */
export function InstanceView({ input, instance }: { input: Input | null; instance: Instance }) {
  if (input?.kind === "image" && Array.isArray(instance)) return <Picture input={input} instance={instance} />;
  if (Array.isArray(instance)) return <Numbers instance={instance} />;
  return <Columns input={input} values={instance as Values} />;
}

function Columns({ input, values }: { input: Input | null; values: Values }) {
  const rows = Object.entries(values).map(([name, value]) => ({ name, value, ...noteOf(input, name, value) }));
  const missing = columnsOf(input).filter((name) => !(name in values));
  return (
    <table class="instance">
      <caption class="unseen">The instance</caption>
      <tbody>
        {rows.map(({ name, value, note, isUnusual }) => (
          <tr key={name} class={isUnusual ? "unusual" : undefined}>
            <th scope="row">{name}</th>
            <td class={isLong(value) ? "long" : undefined} colSpan={note === "" ? 2 : 1}>
              {textOf(value)}
            </td>
            {note !== "" && <td class="note">{note}</td>}
          </tr>
        ))}
        {missing.map((name) => (
          <tr key={name} class="unusual">
            <th scope="row">{name}</th>
            <td>–</td>
            <td class="note">▲ missing</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function noteOf(input: Input | null, name: string, value: unknown): { note: string; isUnusual: boolean } {
  const column =
    input?.kind === "features" ? input.columns.find((one) => "name" in one && one.name === name) : undefined;
  if (!column) return { note: "", isUnusual: false };
  if (value === null) return { note: "▲ missing", isUnusual: true };
  if (column.type === "number" && typeof value === "number") {
    const off = (value - column.mean) / column.deviation;
    const isUnusual = Math.abs(off) >= unusualFrom;
    const way = off > 0 ? "above" : "below";
    return {
      note: isUnusual ? `▲ far ${way} the mean ${short(column.mean)}` : `mean ${short(column.mean)}`,
      isUnusual,
    };
  }
  if (column.type === "category" && !column.values.includes(String(value)))
    return { note: "▲ not seen in training", isUnusual: true };
  return { note: "", isUnusual: false };
}

function columnsOf(input: Input | null): string[] {
  return input?.kind === "features" ? input.columns.flatMap((column) => ("name" in column ? [column.name] : [])) : [];
}

function textOf(value: unknown): string {
  if (value === null) return "–";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Whether a value is a text to read, rather than a name. */
function isLong(value: unknown): boolean {
  return typeof value === "string" && value.length > 60;
}

function short(value: number): string {
  return Number(value.toPrecision(3)).toString();
}

function Picture({ input, instance }: { input: Extract<Input, { kind: "image" }>; instance: unknown[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [height, width] = input.size;
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const values = instance.flat(3) as number[];
    const pixels = context.createImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      const at = i * input.channels;
      const red = values[at] ?? 0;
      const isGrey = input.channels === 1;
      pixels.data.set(
        [
          red,
          isGrey ? red : (values[at + 1] ?? 0),
          isGrey ? red : (values[at + 2] ?? 0),
          input.channels === 4 ? (values[at + 3] ?? 255) : 255,
        ],
        i * 4,
      );
    }
    context.putImageData(pixels, 0, 0);
  }, [instance, input, width, height]);
  return (
    <canvas
      ref={canvas}
      class="picture"
      width={width}
      height={height}
      role="img"
      aria-label={`A picture of ${width} by ${height} pixels`}
    />
  );
}

function Numbers({ instance }: { instance: unknown[] }) {
  const values = instance.flat(8) as number[];
  const shown = values.slice(0, 64).map((value) => Number(value.toPrecision(4)));
  return (
    <pre class="numbers">
      {shown.join("  ")}
      {values.length > shown.length && `  … ${values.length} numbers`}
    </pre>
  );
}
