import { useState } from "preact/hooks";
import type { AuditEntry, UpriverClient } from "#client/index.ts";
import { foldEqual } from "#console/parts/fold.ts";
import { Badge, Empty, Loaded } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { usePolled } from "#console/polled.ts";
import { count, moment } from "#core/format.ts";

const dayMs = 86_400_000;
const pagesMax = 20;
const shownMax = 1_000;
const columns = columnsOf("When", "Token", "Act", "About", "Outcome");

/** The administrative acts of the last days, the newest first. */
export function AuditLog({ client }: { client: UpriverClient }) {
  const [days, setDays] = useState(1);
  const live = usePolled(`audit ${days}`, () => load(client, days), 30_000);
  return (
    <>
      <label class="filter">
        Of the last
        <select value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
          <option value={1}>day</option>
          <option value={7}>week</option>
          <option value={30}>month</option>
        </select>
      </label>
      <Loaded of={live}>
        {({ entries, isAll }) =>
          !isAll ? (
            <Empty title="There are more acts in this time than this page reads.">
              <p>
                Choose a shorter time, or print all of them: <code>npx upriver audit</code>.
              </p>
            </Empty>
          ) : entries.length === 0 ? (
            <Empty title="No administrative act in this time." />
          ) : (
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
          )
        }
      </Loaded>
      <p class="muted">
        The last {count(shownMax)} are shown; the log keeps 400 days: <code>npx upriver audit</code> prints all of it.
      </p>
    </>
  );
}

// The log is read in the order in which it was written, so that the newest acts come last.
async function load(client: UpriverClient, days: number): Promise<{ entries: AuditEntry[]; isAll: boolean }> {
  let newest: AuditEntry[] = [];
  let after = 0;
  const from = Date.now() - days * dayMs;
  for (let page = 0; page < pagesMax; page++) {
    const { entries, cursor, more } = await client.audit({ after, from });
    newest = [...newest, ...entries].slice(-shownMax);
    if (!more) return { entries: newest.toReversed(), isAll: true };
    after = cursor;
  }
  return { entries: [], isAll: false };
}

function keyOf({ token, act, model, region, target, status }: AuditEntry): string {
  return JSON.stringify([token, act, model, region, target, status]);
}
