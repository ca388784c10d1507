import type { PageProps } from "#console/page.ts";
import { ModelChoice } from "#console/parts/model-choice.tsx";
import { Samples } from "./samples.tsx";
import { SuspectList } from "./suspects.tsx";

/** The data page: what a model's regions have learned from, and which labels may be wrong. */
export function DataPage({ session, route }: PageProps) {
  return (
    <ModelChoice client={session.client} route={route} title="Data" titleOf={(model) => `Data of ${model}`}>
      {({ model }) => (
        <div key={model}>
          <h2>Samples</h2>
          <Samples client={session.client} model={model} />
          <h2>Labels that may be wrong</h2>
          <SuspectList client={session.client} model={model} asked={route.query.get("region")} />
        </div>
      )}
    </ModelChoice>
  );
}
