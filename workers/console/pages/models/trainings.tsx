import { useState } from "preact/hooks";
import type { Training } from "#client/index.ts";
import { Badge, Empty, Loaded, ProblemNotice } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import type { Session } from "#console/session.ts";
import { moment } from "#core/format.ts";
import { ReportButton } from "./report-button.tsx";

const everyMs = 3_000;

/** A model's trainings at the origin, with a button that starts one. */
export function Trainings({ session, model }: { session: Session; model: string }) {
  const trainings = usePolled(`trainings ${model}`, () => session.client.trainings(model), everyMs);
  const [isStarting, setStarting] = useState(false);
  const [failure, setFailure] = useState<Error | null>(null);
  const start = async () => {
    setStarting(true);
    setFailure(null);
    await session.client.startTraining(model).catch(setFailure);
    setStarting(false);
    trainings.reload();
  };
  return (
    <>
      {failure && <ProblemNotice error={failure} />}
      <Loaded of={trainings}>
        {(all) => (
          <>
            <button type="button" disabled={isStarting || all.some(({ endedAt }) => endedAt === null)} onClick={start}>
              Train now
            </button>
            {all.length === 0 ? (
              <Empty title="The origin has not trained this model yet." />
            ) : (
              <ul class="list trainings">
                {all.map((training) => (
                  <TrainingRow key={training.id} session={session} training={training} />
                ))}
              </ul>
            )}
          </>
        )}
      </Loaded>
    </>
  );
}

const stepTitles = {
  pull: "reading the regions' samples",
  train: "training the networks",
  publish: "publishing the version",
  prepare: "regions prepare their heads",
  rollout: "rolling the version out",
  watch: "watching the canary",
} as const;

function TrainingRow({ session, training }: { session: Session; training: Training }) {
  const { id, model, state, step, progress, reason, verdict, version, createdAt } = training;
  const kinds = {
    queued: "plain",
    running: "warn",
    done: "good",
    refused: "plain",
    failed: "bad",
    cancelled: "plain",
  } as const;
  const outcome = state === "running" ? stepTitles[step] : (verdict?.reason ?? reason ?? "");
  return (
    <li>
      <Badge kind={kinds[state]}>{state}</Badge> {moment(createdAt)}
      {version !== null && !outcome.includes(`version ${version}`) && `, version ${version}`}
      {outcome !== "" && `: ${outcome}`}
      {progress && state === "running" && (
        <label>
          {progress.network}, epoch {progress.epoch} of {progress.epochs}
          <progress value={progress.epoch - 1 + progress.share} max={progress.epochs} />
        </label>
      )}
      <ReportButton session={session} model={model} id={id} />
    </li>
  );
}
