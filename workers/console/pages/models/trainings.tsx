import { useState } from "preact/hooks";
import type { Training } from "#client/index.ts";
import { Badge, Empty, Loaded, Problem } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import type { Session } from "#console/session.ts";
import { moment } from "#core/format.ts";
import { TrainingReport } from "./training-report.tsx";

const everyMs = 3_000;

/** A model's trainings at the origin, and one more on demand. */
export function Trainings({ session, model }: { session: Session; model: string }) {
  const trainings = usePolled(`jobs ${model}`, () => session.client.trainings(model), everyMs);
  const [isOrdering, setOrdering] = useState(false);
  const [failure, setFailure] = useState<Error | null>(null);
  const order = async () => {
    setOrdering(true);
    setFailure(null);
    await session.client.startTraining(model).catch(setFailure);
    setOrdering(false);
    trainings.reload();
  };
  return (
    <>
      {failure && <Problem error={failure} />}
      <Loaded of={trainings}>
        {(all) => (
          <>
            <button type="button" disabled={isOrdering || all.some(({ endedAt }) => endedAt === null)} onClick={order}>
              Train now
            </button>
            {all.length === 0 ? (
              <Empty title="The origin has not trained this model." />
            ) : (
              <ul class="list jobs">
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
  return (
    <li>
      <Badge kind={kinds[state]}>{state}</Badge> {moment(createdAt)}
      {version !== null && `, version ${version}`}: {verdict?.reason ?? reason ?? (state === "running" ? step : "")}
      {progress && state === "running" && (
        <label>
          {progress.network}, epoch {progress.epoch} of {progress.epochs}
          <progress value={progress.epoch - 1 + progress.share} max={progress.epochs} />
        </label>
      )}
      <TrainingReport session={session} model={model} id={id} />
    </li>
  );
}
