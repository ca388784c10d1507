import type { Alert, UpriverClient } from "#client/index.ts";
import type { PageProps } from "#console/page.ts";
import { foldEqual } from "#console/parts/fold.ts";
import { ModelChoice } from "#console/parts/model-choice.tsx";
import { Badge, Empty, Loaded } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { usePolled } from "#console/polled.ts";
import { linkTo } from "#console/route.ts";
import { count, moment } from "#core/format.ts";
import { AddWebhook } from "./add-webhook.tsx";
import { WebhookTable } from "./webhooks.tsx";

const everyMs = 3_000;
/** Regions that a line of equal alerts names. */
const namedMax = 4;
const good: ReadonlySet<Alert["kind"]> = new Set(["certificate-valid", "rung-above-answers", "test"]);

/** The alerts page: a model's last alerts, and the webhooks that receive them. */
export function AlertsPage({ session, route }: PageProps) {
  return (
    <ModelChoice client={session.client} route={route} title="Alerts" titleOf={(model) => `Alerts of ${model}`} isAll>
      {({ model }) => <Model key={model} client={session.client} model={model} />}
    </ModelChoice>
  );
}

function Model({ client, model }: { client: UpriverClient; model: string }) {
  const live = usePolled(`alerts ${model}`, () => client.alerts(model), everyMs);
  return (
    <>
      <h2>Webhooks</h2>
      <AddWebhook client={client} model={model} onAdded={live.reload} />
      <Loaded of={live}>
        {({ webhooks, alerts }) => (
          <>
            {webhooks.length === 0 ? (
              <Empty title="No webhook yet.">
                <p>
                  A webhook receives each alert as a signed POST, which is repeated for a day until it replies with 2xx.
                  The header upriver-event is the same each time, so that a receiver can tell repeats.
                </p>
              </Empty>
            ) : (
              <WebhookTable client={client} model={model} webhooks={webhooks} onChange={live.reload} />
            )}
            <h2>Last alerts</h2>
            <AlertTable model={model} alerts={alerts} />
          </>
        )}
      </Loaded>
    </>
  );
}

function keyOf({ kind, detail, region }: Alert): string {
  return JSON.stringify([kind, detail, region === null]);
}

/** Links to the regions that alerts are about, each once. */
function RegionLinks({ model, alerts }: { model: string; alerts: readonly Alert[] }) {
  const regions = [...new Set(alerts.map(({ region }) => region))].filter((region) => region !== null);
  if (regions.length === 0) return <span class="muted">all</span>;
  return (
    <>
      {regions.slice(0, namedMax).map((region, i) => (
        <>
          {i > 0 && ", "}
          <a href={linkTo("regions", model, region)}>{region}</a>
        </>
      ))}
      {regions.length > namedMax && ` and ${count(regions.length - namedMax)} more`}
    </>
  );
}

const columns = columnsOf("When", "What", "Region", "Detail");

function AlertTable({ model, alerts }: { model: string; alerts: readonly Alert[] }) {
  if (alerts.length === 0) {
    return (
      <Empty title="No alert yet.">
        <p>
          Alerts come when a certificate becomes void or valid, inputs drift, escalation stops paying, questions pile
          up, the budget runs out, a rung above fails or answers again, a retrain fails or is held, and when a canary is
          decided.
        </p>
      </Empty>
    );
  }
  return (
    <DataTable caption={`The last alerts of ${model}, the newest first`} columns={columns}>
      {foldEqual(alerts, keyOf).map(({ last: { id, at, kind, title, detail }, all, times, firstAt }) => (
        <tr key={id}>
          <th scope="row" class="whole">
            {moment(at)}
            {times > 1 && <small>since {moment(firstAt)}</small>}
          </th>
          <td data-label="What">
            <Badge kind={good.has(kind) ? "good" : "warn"}>{title}</Badge>
          </td>
          <td data-label="Region">
            <RegionLinks model={model} alerts={all} />
          </td>
          <td data-label="Detail">{detail}</td>
        </tr>
      ))}
    </DataTable>
  );
}
