import type { AuditEntry, UpriverClient } from "#client/index.ts";
import { foldEqual } from "#console/parts/fold.ts";
import { Badge, Empty, Loaded } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { usePolled } from "#console/polled.ts";
import { count, moment } from "#core/format.ts";

const columns = columnsOf("When", "Token", "Act", "About", "Outcome");

/** The newest administrative acts. */
export function AuditLog({ client }: { client: UpriverClient }) {
  const live = usePolled("audit", () => client.audit({ order: "newest" }), 30_000);
  return (
    <Loaded of={live}>
      {({ entries, more }) =>
        entries.length === 0 ? (
          <Empty title="No administrative act yet." />
        ) : (
          <>
            <DataTable caption="Administrative acts, the newest first" columns={columns}>
              {foldEqual(entries, keyOf).map(
                ({ last: { number, at, token, act, model, region, target, status }, times, firstAt }) => (
                  <tr key={number}>
                    <th scope="row">
                      {moment(at)}
                      {times > 1 && <small>since {moment(firstAt)}</small>}
                    </th>
                    <td data-label="Token">{token}</td>
                    <td data-label="Act">
                      {act}
                      {times > 1 && <small>{count(times)} times in a row</small>}
                    </td>
                    <td data-label="About">
                      {[model, region, target].filter((one) => one !== null).join(", ") || "–"}
                    </td>
                    <td data-label="Outcome">
                      {status < 300 ? <Badge kind="good">done</Badge> : <Badge kind="bad">refused: {status}</Badge>}
                    </td>
                  </tr>
                ),
              )}
            </DataTable>
            <p class="muted">
              {more && `These are the newest ${count(entries.length)} acts; there are older ones. `}
              The log keeps 400 days: <code>npx upriver audit</code> prints all of it.
            </p>
          </>
        )
      }
    </Loaded>
  );
}

function keyOf({ token, act, model, region, target, status }: AuditEntry): string {
  return JSON.stringify([token, act, model, region, target, status]);
}
