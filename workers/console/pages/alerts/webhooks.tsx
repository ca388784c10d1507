import { useState } from "preact/hooks";
import type { UpriverClient, Webhook } from "#client/index.ts";
import { Confirm } from "#console/parts/confirm.tsx";
import { Badge, ProblemNotice } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { count, moment } from "#core/format.ts";

interface Props {
  client: UpriverClient;
  model: string;
  webhooks: readonly Webhook[];
  onChange: () => void;
}

/** Display names of the forms of a webhook's requests. */
export const formTitles = { json: "signed JSON", slack: "Slack" } as const;

const columns = columnsOf("Receiver", "Form", "Kinds", "Last attempt", "#Waiting", "~Actions");

/** The webhooks of a model, each with a test and a way to remove it. */
export function WebhookTable({ client, model, webhooks, onChange }: Props) {
  const [failure, setFailure] = useState<Error | null>(null);
  const test = async (id: string) => {
    setFailure(null);
    await client.testWebhook(model, id).then(onChange, setFailure);
  };
  const remove = async (id: string) => {
    await client.removeWebhook(model, id);
    onChange();
  };
  return (
    <>
      {failure && <ProblemNotice error={failure} />}
      <DataTable caption={`The webhooks of ${model}`} columns={columns}>
        {webhooks.map(({ id, host, form, kinds, createdBy, last, waiting }) => (
          <tr key={id} data-webhook={id}>
            <th scope="row">
              {host} <small>added by token {createdBy}</small>
            </th>
            <td data-label="Form">{formTitles[form]}</td>
            <td data-label="Kinds">{kinds?.join(", ") ?? "all"}</td>
            <td data-label="Last attempt">
              {last === null ? (
                <span class="muted">none yet</span>
              ) : (
                <>
                  <Badge kind={last.delivered ? "good" : "bad"}>{last.delivered ? "delivered" : "not delivered"}</Badge>{" "}
                  <small>
                    {moment(last.at)}: {last.detail}
                  </small>
                </>
              )}
            </td>
            <td class="number" data-label="Waiting">
              {count(waiting)}
            </td>
            <td class="actions">
              <button type="button" onClick={() => test(id)}>
                Test
              </button>{" "}
              <Confirm
                label="Remove"
                kind="danger"
                what={`No further alert will be sent to ${host}, and those that wait for it are dropped.`}
                onConfirm={() => remove(id)}
              />
            </td>
          </tr>
        ))}
      </DataTable>
    </>
  );
}
