import type { RegionRun } from "#client/index.ts";
import { RunState } from "#console/parts/run-state.tsx";
import { Empty } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { count, duration, moment } from "#core/format.ts";
import { foldRuns } from "./fold-runs.ts";

const columns = columnsOf("Data up to", "Version", "Outcome", "#Held out", "#Duration");

/** The last retrains of a region with the gate's reasons; equal ones in a row are one line. */
export function RunList({ runs }: { runs: RegionRun[] }) {
  if (runs.length === 0) return <Empty title="No retrain yet. The model's schedule starts the first one." />;
  return (
    <DataTable caption="The last retrains" columns={columns}>
      {foldRuns(runs).map(({ last: run, times, firstAt }) => (
        <tr key={run.id} data-times={times}>
          <th scope="row" class="whole">
            {moment(run.at)}
            {times > 1 && <small>since {moment(firstAt)}</small>}
          </th>
          <td data-label="Version">{run.base}</td>
          <td data-label="Outcome">
            <RunState run={run} />
            {times > 1 && <small>{count(times)} times in a row, for the same reason</small>}
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
