import { useState } from "preact/hooks";
import type { Job } from "../../../client/index.ts";
import { moment } from "../../../core/format.ts";
import { useLive } from "../../live.ts";
import { Badge, Empty, Loaded, Problem } from "../../parts/states.tsx";
import type { Session } from "../../session.ts";
import { Report } from "./report.tsx";

const everyMs = 3_000;

/** A model's trainings at the origin, and one more on demand. */
export function Trainings({ session, model }: { session: Session; model: string }) {
  const jobs = useLive(`jobs ${model}`, () => session.client.jobs(model), everyMs);
  const [isOrdering, setOrdering] = useState(false);
  const [failure, setFailure] = useState<Error | null>(null);
  const order = async () => {
    setOrdering(true);
    setFailure(null);
    await session.client.orderJob(model).catch(setFailure);
    setOrdering(false);
    jobs.reload();
  };
  return (
    <>
      {failure && <Problem error={failure} />}
      <Loaded of={jobs}>
        {(all) => (
          <>
            <button type="button" disabled={isOrdering || all.some(({ endedAt }) => endedAt === null)} onClick={order}>
              Train now
            </button>
            {all.length === 0 ? (
              <Empty title="The origin has not trained this model." />
            ) : (
              <ul class="list jobs">
                {all.map((job) => (
                  <Training key={job.id} session={session} job={job} />
                ))}
              </ul>
            )}
          </>
        )}
      </Loaded>
    </>
  );
}

function Training({ session, job }: { session: Session; job: Job }) {
  const { id, model, state, step, progress, reason, verdict, version, createdAt } = job;
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
      <Report session={session} model={model} id={id} />
    </li>
  );
}
