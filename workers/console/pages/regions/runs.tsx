import type { RegionRun } from "#client/index.ts";
import { RunState } from "#console/parts/run-state.tsx";
import { Empty } from "#console/parts/states.tsx";
import { columnsOf, Table } from "#console/parts/table.tsx";
import { count, duration, moment } from "#core/format.ts";

const columns = columnsOf("Data up to", "Version", "Outcome", "#Held out", "#Took");

/** The last runs of a region, with the reasons of the gate. */
export function Runs({ runs }: { runs: RegionRun[] }) {
  if (runs.length === 0) return <Empty title="It has not learned yet: its first run comes by the model's schedule." />;
  return (
    <Table caption="The last runs" columns={columns}>
      {runs.map((run) => (
        <tr key={run.id}>
          <th scope="row">{moment(run.at)}</th>
          <td data-label="Version">{run.base}</td>
          <td data-label="Outcome">
            <RunState run={run} />
          </td>
          <td class="number" data-label="Held out">
            {run.report?.standing ? count(run.report.standing.questions) : "–"}
          </td>
          <td class="number" data-label="Took">
            {run.finishedAt === null ? "–" : duration(run.finishedAt - run.startedAt)}
          </td>
        </tr>
      ))}
    </Table>
  );
}
