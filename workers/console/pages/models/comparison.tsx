import { Badge } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { count, percent } from "#core/format.ts";
import { type Comparison, type Slice, worstOf } from "./compare.ts";

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
      {slices.map(({ kind, name, metric, n, before, after, isRegression }) => {
        const [format, difference] = metric === "log-loss" ? [thousandths, thousandths] : [percent, points];
        return (
          <tr key={`${kind} ${name} ${metric}`} data-slice={`${kind} ${name} ${metric}`}>
            <th scope="row">{name}</th>
            <td data-label="Metric">{metric}</td>
            <td class="number" data-label={`Version ${stable}`}>
              {format(before)}
            </td>
            <td class="number" data-label={`Version ${version}`}>
              {format(after)}
            </td>
            <td class="number" data-label="Difference">
              {isRegression ? (
                <Badge kind="bad">{signed(after - before, difference)}</Badge>
              ) : (
                signed(after - before, difference)
              )}
            </td>
            <td class="number" data-label="Questions">
              {count(n)}
            </td>
          </tr>
        );
      })}
    </DataTable>
  );
}

function thousandths(value: number): string {
  return value.toFixed(3);
}

function points(value: number): string {
  return `${(100 * value).toFixed(1)} points`;
}

function signed(value: number, format: (value: number) => string): string {
  return value < 0 ? `−${format(-value)}` : `+${format(value)}`;
}
