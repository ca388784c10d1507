import { useState } from "preact/hooks";
import type { AuditEntry, UpriverClient } from "#client/index.ts";
import { foldEqual } from "#console/parts/fold.ts";
import { Badge, Empty, Loaded } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { usePolled } from "#console/polled.ts";
import { count, moment } from "#core/format.ts";

const namedMax = 4;
const rowsMax = 50;
const columns = columnsOf("When", "Token", "Act", "About", "Outcome");

/** The newest administrative acts, the newest first. */
export function AuditLog({ client }: { client: UpriverClient }) {
  const [isWhole, setWhole] = useState(false);
  const live = usePolled("audit", () => load(client), 30_000);
  return (
    <Loaded of={live}>
      {({ acts, folded, more }) =>
        acts === 0 ? (
          <Empty title="No administrative act yet." />
        ) : (
          <>
            <DataTable caption="Administrative acts, the newest first" columns={columns}>
              {folded
                .slice(0, isWhole ? folded.length : rowsMax)
                .map(({ last: { number, at, token, act, status }, all, times, firstAt }) => (
                  <tr key={number}>
                    <th scope="row" class="whole">
                      {moment(at)}
                      {times > 1 && <small>since {moment(firstAt)}</small>}
                    </th>
                    <td data-label="Token">{token}</td>
                    <td data-label="Act">
                      {act}
                      {times > 1 && <small>{count(times)} times in a row</small>}
                    </td>
                    <td data-label="About">{aboutOf(all)}</td>
                    <td data-label="Outcome">
                      {status < 300 ? <Badge kind="good">done</Badge> : <Badge kind="bad">refused: {status}</Badge>}
                    </td>
                  </tr>
                ))}
            </DataTable>
            {!isWhole && folded.length > rowsMax && (
              <p>
                <button type="button" onClick={() => setWhole(true)}>
                  Show {count(folded.length - rowsMax)} older lines
                </button>
              </p>
            )}
            <p class="muted">
              {more && `These are the newest ${count(acts)} acts; there are older ones. `}
              The log keeps 400 days: <code>npx upriver audit</code> prints all of it.
            </p>
          </>
        )
      }
    </Loaded>
  );
}

async function load(client: UpriverClient) {
  const { entries, more } = await client.audit({ order: "newest" });
  return { acts: entries.length, folded: foldEqual(entries, keyOf), more };
}

function keyOf({ token, act, model, status }: AuditEntry): string {
  return JSON.stringify([token, act, model, status]);
}

/** Names what acts were about: the model, then the first of the regions and targets. */
function aboutOf(entries: readonly AuditEntry[]): string {
  const names = new Set(entries.map(({ region, target }) => [region, target].filter(Boolean).join(", ")));
  names.delete("");
  const shown = [...names].slice(0, namedMax).map((name) => name.replace(/[0-9a-f]{64}/, (hash) => hash.slice(0, 12)));
  const model = entries[0]?.model;
  const more = names.size > namedMax ? [`and ${count(names.size - namedMax)} more`] : [];
  return [...(model ? [model] : []), ...shown, ...more].join(", ") || "–";
}
