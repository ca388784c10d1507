import type { ModelSummary } from "#client/index.ts";
import type { PageProps } from "#console/page.ts";
import { Confirm } from "#console/parts/confirm.tsx";
import { ModelChoice } from "#console/parts/model-choice.tsx";
import { Loaded } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { can, type Session } from "#console/session.ts";
import { CanaryNotice } from "./canary.tsx";
import { Trainings } from "./trainings.tsx";
import { VersionConfusion } from "./version-confusion.tsx";
import { VersionHistory } from "./version-history.tsx";
import { VersionTable } from "./versions.tsx";

const everyMs = 3_000;

/** The models page: versions, canary, trainings and history of a model. */
export function ModelsPage({ session, route }: PageProps) {
  return (
    <ModelChoice
      client={session.client}
      route={route}
      title="Models"
      titleOf={(model) => model}
      isAll
      everyMs={everyMs}
    >
      {(summary, reload) => <Model key={summary.model} session={session} summary={summary} onMove={reload} />}
    </ModelChoice>
  );
}

interface Props {
  session: Session;
  summary: ModelSummary;
  onMove: () => void;
}

function Model({ session, summary, onMove }: Props) {
  const { client } = session;
  const { model, canary, previous = null } = summary;
  const versions = usePolled(`versions ${model}`, () => client.versions(model), everyMs);
  const watch = usePolled(`canary ${model}`, () => client.canary(model), everyMs);
  const regions = usePolled(
    `regions ${model}`,
    () => (can(session, "admin") ? client.regionPage(model, { limit: 1 }) : Promise.resolve(null)),
    everyMs * 4,
  );
  const moved = () => {
    onMove();
    versions.reload();
    watch.reload();
  };
  const back = async () => {
    await client.rollback(model);
    moved();
  };
  return (
    <>
      {(canary || watch.value) && <CanaryNotice summary={summary} watch={watch.value} />}
      <div class="head">
        <h2>Versions</h2>
        {(canary || previous != null) && (
          <Confirm
            label={canary ? "End the canary" : `Roll back to ${previous}`}
            kind="danger"
            what={
              canary
                ? `Version ${canary.version} will serve nobody, and version ${summary.stable} all callers.`
                : `Version ${previous} will serve all callers again, with the heads it had.`
            }
            onConfirm={back}
          />
        )}
      </div>
      <Loaded of={versions}>
        {(list) => (
          <>
            <VersionTable
              session={session}
              summary={summary}
              list={list}
              regionsOn={regions.value?.sums.bases ?? {}}
              onMove={moved}
            />
            {summary.stable !== null && <VersionConfusion client={client} model={model} version={summary.stable} />}
            <h2>Trainings</h2>
            <Trainings session={session} model={model} />
            <h2>History</h2>
            <VersionHistory list={list} />
          </>
        )}
      </Loaded>
    </>
  );
}
