import type { ModelSummary, RegionState, VersionList } from "#client/index.ts";
import { Confirm } from "#console/parts/confirm.tsx";
import { Badge } from "#console/parts/states.tsx";
import { columnsOf, Table } from "#console/parts/table.tsx";
import type { Session } from "#console/session.ts";
import { count, four, moment, percent } from "#core/format.ts";

interface Props {
  session: Session;
  summary: ModelSummary;
  list: VersionList;
  regions: RegionState[];
  onMove: () => void;
}

const canaryShare = 0.1;

const columns = columnsOf(
  "Version",
  "State",
  "#Thin, right",
  "#Thin, log-loss",
  "#Full, right",
  "Who runs it",
  "~What to do",
);

/** The versions of a model: how good, who runs which, and where to move them. */
export function Versions({ session, summary, list, regions, onMove }: Props) {
  const { model, stable, canary } = summary;
  const roll = (version: number, isCanary: boolean) => async () => {
    const target = isCanary ? { version, share: canaryShare, watch: true } : { version };
    await session.client.rollout(model, target);
    onMove();
  };
  return (
    <Table caption={`The versions of ${model}, the newest first`} columns={columns}>
      {list.versions
        .toSorted((a, b) => b.version - a.version)
        .map(({ version, state, createdAt, metrics, preparing }) => {
          const running = regions.filter(({ base }) => base === version).length;
          return (
            <tr key={version}>
              <th scope="row">
                {version} <small>{moment(createdAt)}</small>
              </th>
              <td data-label="State">
                <Badge kind={state === "stable" ? "good" : state === "canary" ? "warn" : "plain"}>{state}</Badge>
                {preparing.length > 0 && <small>{preparing.length} regions make their head for it</small>}
              </td>
              <td class="number" data-label="Thin, right">
                {percent(metrics?.thin.accuracy)}
              </td>
              <td class="number" data-label="Thin, log-loss">
                {four(metrics?.thin.logLoss)}
              </td>
              <td class="number" data-label="Full, right">
                {percent(metrics?.full?.accuracy)}
              </td>
              <td data-label="Who runs it">
                {version === canary?.version
                  ? `${percent(canary.share)} of callers`
                  : version === stable
                    ? canary
                      ? "all others"
                      : "all callers"
                    : "nobody"}
                {running > 0 && `; ${count(running)} regions`}
              </td>
              <td class="actions">
                {version !== stable && (
                  <>
                    {version !== canary?.version && stable !== null && (
                      <Confirm
                        label="Canary"
                        what={`${percent(canaryShare)} of callers get version ${version}; what its answers turn out to be promotes it or rolls it back.`}
                        onConfirm={roll(version, true)}
                      />
                    )}
                    <Confirm
                      label="Promote"
                      kind="primary"
                      what={`Version ${version} serves all callers. Regions that are not ready stay on theirs until they are.`}
                      onConfirm={roll(version, false)}
                    />
                  </>
                )}
              </td>
            </tr>
          );
        })}
    </Table>
  );
}
