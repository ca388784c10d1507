import type { NodeRecord } from "#client/index.ts";
import { Badge } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { count, moment, nodeStateOf } from "#core/format.ts";

const columns = columnsOf("Node", "State", "Last heard of", "Version", "#Backlog", "Shares");
const kinds: Record<string, "good" | "bad" | "plain"> = { up: "good", away: "bad", revoked: "bad" };

/** The nodes under this rung, as of a time. */
export function NodeList({ nodes, at }: { nodes: readonly NodeRecord[]; at: number }) {
  return (
    <section class="card" aria-labelledby="nodes">
      <h2 id="nodes">Nodes</h2>
      <DataTable caption="The nodes under this rung" columns={columns}>
        {nodes.map((node) => {
          const state = nodeStateOf(node, at);
          return (
            <tr key={node.id} data-node={node.id}>
              <th scope="row">{node.id}</th>
              <td data-label="State">
                <Badge kind={kinds[state] ?? "plain"}>{state}</Badge>
              </td>
              <td data-label="Last heard of">{moment(node.last?.at ?? null)}</td>
              <td data-label="Version">{node.last?.version ?? "–"}</td>
              <td class="number" data-label="Backlog">
                {node.last ? count(node.last.backlog) : "–"}
              </td>
              <td data-label="Shares">{node.last?.share ?? node.share}</td>
            </tr>
          );
        })}
      </DataTable>
    </section>
  );
}
