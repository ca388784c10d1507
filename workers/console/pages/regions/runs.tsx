import type { RegionRun } from "#client/index.ts";
import { RunState } from "#console/parts/run-state.tsx";
import { Empty } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { count, duration, moment } from "#core/format.ts";

const columns = columnsOf("Data up to", "Version", "Outcome", "#Held out", "#Duration");

/** The last retrains of a region with the gate's reasons. */
export function RunList({ runs }: { runs: RegionRun[] }) {
  if (runs.length === 0) return <Empty title="No retrain yet. The model's schedule starts the first one." />;
  return (
    <DataTable caption="The last retrains" columns={columns}>
      {runs.map((run) => (
        <tr key={run.id}>
          <th scope="row">{moment(run.at)}</th>
          <td data-label="Version">{run.base}</td>
          <td data-label="Outcome">
            <RunState run={run} />
          </td>
          <td class="number" data-label="Held out">
            {run.report?.comparison ? count(run.report.comparison.questions) : "–"}
          </td>
          <td class="number" data-label="Duration">
            {run.finishedAt === null ? "–" : duration(run.finishedAt - run.startedAt)}
          </td>
        </tr>
      ))}
    </DataTable>
  );
}
