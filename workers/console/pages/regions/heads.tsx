import type { RegionDetail, RegionHead } from "#client/index.ts";
import { Confirm } from "#console/parts/confirm.tsx";
import { Badge, Empty } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import type { Session } from "#console/session.ts";
import { moment, percent, three } from "#core/format.ts";

interface Props {
  session: Session;
  model: string;
  region: string;
  detail: RegionDetail;
  onChange: () => void;
}

const columns = columnsOf("Head", "Created", "#Accuracy", "#Log-loss", "State", "~Actions");

/** The heads of a region, with the action that returns to one. */
export function HeadList({ detail, session, model, region, onChange }: Props) {
  const { state, heads, runs, history } = detail;
  const serve = (head: number | null) => async () => {
    await session.client.rollbackRegion(model, region, { head });
    onChange();
  };
  const own = heads.filter(({ base }) => base === state.base);
  const runOf = ({ base, number }: RegionHead) => runs.find((run) => run.base === base && run.report?.head === number);
  if (heads.length === 0) {
    return (
      <>
        <h2>Heads</h2>
        <Empty title="The global head serves this region.">
          <p>The region gets its own head when a retrain finds one that is better on held-out labels.</p>
        </Empty>
      </>
    );
  }
  return (
    <>
      <div class="head">
        <h2>Heads</h2>
        {own.some(({ isCurrent }) => isCurrent) && (
          <Confirm
            label="Serve the global head"
            what={`The global head of version ${state.base} will serve region ${region}.`}
            onConfirm={serve(null)}
          />
        )}
      </div>
      <DataTable caption={`The heads of ${region}, the newest first`} columns={columns}>
        {heads.map((head) => {
          const comparison = runOf(head)?.report?.comparison;
          const serves = head.isCurrent && head.base === state.base;
          return (
            <tr key={`${head.base}+${head.number}`}>
              <th scope="row">
                {head.base}+{head.number}
              </th>
              <td data-label="Created">{moment(head.createdAt)}</td>
              <td class="number" data-label="Accuracy">
                {percent(comparison?.regional.accuracy)}
              </td>
              <td class="number" data-label="Log-loss">
                {three(comparison?.regional.logLoss)}
              </td>
              <td data-label="State">
                {serves ? (
                  <Badge kind="good">serving</Badge>
                ) : head.base === state.base ? (
                  <span class="muted">kept</span>
                ) : (
                  <span class="muted">belongs to version {head.base}</span>
                )}
              </td>
              <td class="actions">
                {!serves && head.base === state.base && (
                  <Confirm
                    label="Serve this head"
                    what={`Head ${head.number} will serve region ${region}.`}
                    onConfirm={serve(head.number)}
                  />
                )}
              </td>
            </tr>
          );
        })}
      </DataTable>
      <details>
        <summary>History</summary>
        <ul class="list">
          {history.map(({ at, action, version }) => (
            <li key={`${at}${action}`}>
              {moment(at)}: {action === "head" ? "a new head" : "rolled back"} on version {version}
            </li>
          ))}
        </ul>
      </details>
    </>
  );
}
