import { useState } from "preact/hooks";
import type { UpriverClient } from "#client/index.ts";
import type { PageProps } from "#console/page.ts";
import { ModelChoice } from "#console/parts/model-choice.tsx";
import { Empty, Loaded } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { Desk } from "./desk.tsx";
import { LabelStudio } from "./label-studio.tsx";

const nameKey = "upriver-reviewer";

/** The review page: a person answers open questions, one at a time. */
export function ReviewPage({ session, route }: PageProps) {
  const { client, token } = session;
  return (
    <ModelChoice client={client} route={route} title="Review" titleOf={(model) => `Review ${model}`}>
      {({ model }) => <Model key={model} client={client} model={model} name={token.id} />}
    </ModelChoice>
  );
}

interface ModelProps {
  client: UpriverClient;
  model: string;
  name: string;
}

function Model({ client, model, name }: ModelProps) {
  const [reviewer, setReviewer] = useState(
    () => localStorage.getItem(nameKey) ?? `${name}-${Math.random().toString(36).slice(2, 6)}`,
  );
  const state = usePolled(
    `model ${model}`,
    async () => ({ state: await client.model(model), manifest: await client.manifest(model) }),
    null,
  );
  const rename = (to: string) => {
    if (to.trim() === "") return;
    localStorage.setItem(nameKey, to.trim());
    setReviewer(to.trim());
  };
  return (
    <>
      <Loaded of={state}>
        {({ state: { task, ...served }, manifest }) =>
          task === "tensor" || !("labels" in served) ? (
            <Empty title="A tensor model has no labels, so there is nothing to review." />
          ) : (
            <Desk
              client={client}
              model={model}
              labels={served.number ? [] : served.labels}
              number={served.number}
              input={manifest.task !== "tensor" ? manifest.thin.input : null}
              reviewer={reviewer}
            />
          )
        }
      </Loaded>
      <form class="line" onSubmit={(event) => event.preventDefault()}>
        <label>
          You review as{" "}
          <input value={reviewer} onChange={(event) => rename(event.currentTarget.value)} maxLength={64} />
        </label>
        <span class="muted">Questions you see are reserved for you for five minutes.</span>
      </form>
      <LabelStudio client={client} model={model} reviewer={reviewer} />
    </>
  );
}
