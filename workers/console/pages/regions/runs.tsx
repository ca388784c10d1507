import type { RegionRun } from "../../../client/index.ts";
import { count, duration, moment } from "../../../core/format.ts";
import { RunState } from "../../parts/run-state.tsx";
import { Empty } from "../../parts/states.tsx";

/** The last runs of a region, with the reasons of the gate. */
export function Runs({ runs }: { runs: RegionRun[] }) {
  if (runs.length === 0) return <Empty title="It has not learned yet: its first run comes by the model's schedule." />;
  return (
    <div class="scroll">
      <table>
        <caption class="unseen">The last runs</caption>
        <thead>
          <tr>
            <th scope="col">Data up to</th>
            <th scope="col">Version</th>
            <th scope="col">Outcome</th>
            <th scope="col" class="number">
              Held out
            </th>
            <th scope="col" class="number">
              Took
            </th>
          </tr>
        </thead>
        <tbody>
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
        </tbody>
      </table>
    </div>
  );
}
