import { useState } from "preact/hooks";
import type { AddedWebhook, UpriverClient, Webhook } from "#client/index.ts";
import { ProblemNotice } from "#console/parts/states.tsx";
import { formTitles } from "./webhooks.tsx";

interface Props {
  client: UpriverClient;
  model: string;
  onAdded: () => void;
}

/** A form that adds a webhook, and shows its secret once. */
export function AddWebhook({ client, model, onAdded }: Props) {
  const [url, setUrl] = useState("");
  const [form, setForm] = useState<Webhook["form"]>("json");
  const [added, setAdded] = useState<AddedWebhook | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  const add = async (event: Event) => {
    event.preventDefault();
    setFailure(null);
    try {
      setAdded(await client.addWebhook(model, { url, form }));
      setUrl("");
      onAdded();
    } catch (error) {
      setFailure(error as Error);
    }
  };
  return (
    <>
      <form class="line" onSubmit={add}>
        <input
          type="url"
          aria-label="Address of the receiver"
          placeholder="https://example.com/alerts"
          required
          value={url}
          onInput={(event) => setUrl(event.currentTarget.value)}
        />
        <select
          aria-label="Form"
          value={form}
          onChange={(event) => setForm(event.currentTarget.value as Webhook["form"])}
        >
          {Object.entries(formTitles).map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
        <button type="submit">Add webhook</button>
      </form>
      {failure && <ProblemNotice error={failure} />}
      {added && (
        <div class="notice" role="status">
          <p>The secret that signs what {added.webhook.host} gets, shown only now:</p>
          <p>
            <code data-secret>{added.secret}</code>
          </p>
        </div>
      )}
    </>
  );
}
