import { useState } from "preact/hooks";
import type { UpriverClient } from "#client/index.ts";
import { ConfusionView } from "#console/parts/confusion.tsx";
import { Empty, Loaded } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";

/** The confusion of the version that serves on held-out questions, once it is opened. */
export function VersionConfusion({
  client,
  model,
  version,
}: {
  client: UpriverClient;
  model: string;
  version: number;
}) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Confusion matrix of version {version} at the edge, on held-out questions</summary>
      {isOpen && <Matrix client={client} model={model} version={version} />}
    </details>
  );
}

function Matrix({ client, model, version }: { client: UpriverClient; model: string; version: number }) {
  const manifest = usePolled(`manifest ${model} ${version}`, () => client.manifest(model, version), null);
  return (
    <Loaded of={manifest}>
      {(known) =>
        known.task !== "tensor" && known.metrics.thin.confusion ? (
          <ConfusionView labels={known.labels} confusion={known.metrics.thin.confusion} />
        ) : (
          <Empty title="This version was evaluated without a confusion matrix.">
            <p>Versions of numbers and tensors have none, nor have those that an earlier release trained.</p>
          </Empty>
        )
      }
    </Loaded>
  );
}
