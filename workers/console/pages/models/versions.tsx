import type { ModelSummary, VersionList } from "#client/index.ts";
import { Confirm } from "#console/parts/confirm.tsx";
import { Badge } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import type { Session } from "#console/session.ts";
import { count, moment, percent, three } from "#core/format.ts";
import { Promote } from "./promote.tsx";

interface Props {
  session: Session;
  summary: ModelSummary;
  list: VersionList;
  /** How many regions each version serves. */
  regionsOn: Record<string, number>;
  onMove: () => void;
}

const canaryShare = 0.1;

const columns = columnsOf(
  "Version",
  "State",
  "#Thin accuracy",
  "#Thin log-loss",
  "#Full accuracy",
  "Served to",
  "~Actions",
);

/** The versions of a model: metrics, callers and actions. */
export function VersionTable({ session, summary, list, regionsOn, onMove }: Props) {
  const { model, stable, canary } = summary;
  const canaryTo = (version: number) => async () => {
    await session.client.rollout(model, { version, share: canaryShare, watch: true });
    onMove();
  };
  return (
    <DataTable caption={`The versions of ${model}, the newest first`} columns={columns}>
      {list.versions
        .toSorted((a, b) => b.version - a.version)
        .map(({ version, state, createdAt, metrics, preparing }) => {
          const running = regionsOn[version] ?? 0;
          return (
            <tr key={version}>
              <th scope="row">
                {version} <small>{moment(createdAt)}</small>
              </th>
              <td data-label="State">
                <Badge kind={state === "stable" ? "good" : state === "canary" ? "warn" : "plain"}>{state}</Badge>
                {preparing.length > 0 && <small>{count(preparing.length)} regions are preparing a head for it</small>}
              </td>
              <td class="number" data-label="Thin accuracy">
                {percent(metrics?.thin.n ? metrics.thin.accuracy : null)}
              </td>
              <td class="number" data-label="Thin log-loss">
                {three(metrics?.thin.n ? metrics.thin.logLoss : null)}
              </td>
              <td class="number" data-label="Full accuracy">
                {percent(metrics?.full?.accuracy)}
              </td>
              <td data-label="Served to">
                {version === canary?.version
                  ? `${percent(canary.share)} of callers`
                  : version === stable
                    ? canary
                      ? "all others"
                      : "all callers"
                    : "no callers"}
                {running > 0 && `; ${count(running)} regions`}
              </td>
              <td class="actions">
                {version !== stable && version !== canary?.version && stable !== null && (
                  <Confirm
                    label="Start a canary"
                    what={`Version ${version} will serve ${percent(canaryShare)} of callers. It will be promoted or rolled back automatically, judged on labelled questions that both versions answer.`}
                    onConfirm={canaryTo(version)}
                  />
                )}
                {version !== stable && (
                  <Promote session={session} model={model} stable={stable} version={version} onMove={onMove} />
                )}
              </td>
            </tr>
          );
        })}
    </DataTable>
  );
}
