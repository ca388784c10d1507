import { Badge } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { count, percent, three } from "#core/format.ts";
import { type Comparison, isRegression, type Slice, worstOf } from "./compare.ts";

interface Props {
  comparison: Comparison;
  stable: number;
  version: number;
}

/** How a version does against the one that serves: over all, where it is worst, and by class and region. */
export function ComparisonView({ comparison, stable, version }: Props) {
  const of = (kind: Slice["kind"]) => comparison.slices.filter((slice) => slice.kind === kind);
  const [all, classes, regions, worst] = [of("all"), of("class"), of("region"), worstOf(comparison)];
  const tables: [title: string, slices: Slice[], isOpen: boolean][] = [
    ["Where it loses most", worst, true],
    [`By class (${count(classes.length)})`, classes, false],
    [`By region (${count(regions.length)})`, regions, false],
  ];
  return (
    <>
      {all.length === 0 ? (
        <p class="notice">The versions were not evaluated, so that nothing can be compared.</p>
      ) : (
        <Slices title="All questions" slices={all} {...{ stable, version }} />
      )}
      {tables.map(
        ([title, slices, isOpen]) =>
          slices.length > 0 && (
            <details key={title} open={isOpen}>
              <summary>{title}</summary>
              <Slices title={title} slices={slices} {...{ stable, version }} />
            </details>
          ),
      )}
      {all.length > 0 && (
        <p class="muted">
          Beyond chance: chance alone would mark any row of a table once in twenty times at most. A difference without a
          word is not judged, since its spread is not known.
        </p>
      )}
      {classes.length === 0 && <p class="muted">By class: one of the versions was evaluated by an earlier release.</p>}
      {regions.length === 0 && (
        <p class="muted">
          By region: no region has trained a head for both versions yet, or the token has no scope admin.
        </p>
      )}
    </>
  );
}

function Slices({ title, slices, stable, version }: Omit<Props, "comparison"> & { title: string; slices: Slice[] }) {
  const columns = columnsOf(
    "Slice",
    "Metric",
    `#Version ${stable}`,
    `#Version ${version}`,
    "#Difference",
    "#Questions",
  );
  return (
    <DataTable caption={title} columns={columns}>
      {slices.map((slice) => {
        const { kind, name, metric, n, before, after, difference } = slice;
        const [format, gap] = metric.startsWith("log-loss") ? [three, three] : [percent, points];
        return (
          <tr key={`${kind} ${name} ${metric}`} data-slice={`${kind} ${name} ${metric}`}>
            <th scope="row">{name}</th>
            <td data-label="Metric">{metric}</td>
            <td class="number" data-label={`Version ${stable}`}>
              {before === null ? "–" : format(before)}
            </td>
            <td class="number" data-label={`Version ${version}`}>
              {after === null ? "–" : format(after)}
            </td>
            <td class="number" data-label="Difference">
              {isRegression(slice) ? <Badge kind="bad">{signed(difference, gap)}</Badge> : signed(difference, gap)}
              <Chance of={slice} format={gap} />
            </td>
            <td class="number" data-label="Questions">
              {n === null ? "–" : count(n)}
            </td>
          </tr>
        );
      })}
    </DataTable>
  );
}

function points(value: number): string {
  return `${(100 * value).toFixed(1)} points`;
}

/** What chance leaves possible. */
function Chance({ of: { interval }, format }: { of: Slice; format: (value: number) => string }) {
  if (!interval) return null;
  const { low, high } = interval;
  const isWithin = low <= 0 && high >= 0;
  return (
    <small title={`Chance leaves it between ${signed(low, format)} and ${signed(high, format)}`}>
      {" "}
      {isWithin ? "within chance" : "beyond chance"}
    </small>
  );
}

function signed(value: number, format: (value: number) => string): string {
  return value < 0 ? `−${format(-value)}` : `+${format(value)}`;
}
