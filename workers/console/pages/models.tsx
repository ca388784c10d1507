import { useRef, useState } from "preact/hooks";
import type { CanaryState, Job, ModelSummary, RegionState, VersionList } from "../../client/index.ts";
import { count, four, moment, percent } from "../../core/format.ts";
import type { PageProps } from "../app.tsx";
import { useLive } from "../live.ts";
import { Confirm } from "../parts/confirm.tsx";
import { ModelChoice } from "../parts/model-choice.tsx";
import { Badge, Empty, Loaded, Problem } from "../parts/states.tsx";
import { can, type Session } from "../session.ts";

const everyMs = 3_000;
const canaryShare = 0.1;

/** A model's versions: who runs which, what to move. */
export function ModelsPage({ session, place }: PageProps) {
  const models = useLive("models", () => session.client.models(), everyMs);
  return (
    <Loaded of={models}>
      {(all) => {
        const model = all.find((one) => one.model === place.path[1]) ?? all[0];
        if (!model) {
          return (
            <>
              <h1>Models</h1>
              <Empty title="No model is published yet.">
                <p>
                  <code>npx upriver publish storefront</code> publishes the example.
                </p>
              </Empty>
            </>
          );
        }
        return (
          <>
            <h1>{model.model}</h1>
            <ModelChoice page="models" models={all.map((one) => one.model)} model={model.model} />
            <Model key={model.model} session={session} summary={model} onMove={models.reload} />
          </>
        );
      }}
    </Loaded>
  );
}

interface Props {
  session: Session;
  summary: ModelSummary;
  onMove: () => void;
}

function Model({ session, summary, onMove }: Props) {
  const { client } = session;
  const { model, canary } = summary;
  const versions = useLive(`versions ${model}`, () => client.versions(model), everyMs);
  const watch = useLive(`canary ${model}`, () => client.canary(model), everyMs);
  const regions = useLive(
    `regions ${model}`,
    () => (can(session, "admin") ? client.regions(model) : Promise.resolve([])),
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
      {(canary || watch.value) && <Canary summary={summary} watch={watch.value} />}
      <div class="head">
        <h2>Versions</h2>
        <Confirm
          disabled={!canary && (versions.value?.versions.length ?? 0) < 2}
          label={canary ? "End the canary" : "Roll back"}
          kind="danger"
          what={
            canary
              ? `Version ${canary.version} is taken from its callers; version ${summary.stable} serves all.`
              : "The stable version before this one serves all again, with the heads that it had."
          }
          onConfirm={back}
        />
      </div>
      <Loaded of={versions}>
        {(list) => (
          <>
            <Versions session={session} summary={summary} list={list} regions={regions.value ?? []} onMove={moved} />
            <h2>Trainings</h2>
            <Trainings session={session} model={model} />
            <h2>History</h2>
            <History list={list} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Versions({ session, summary, list, regions, onMove }: Props & { list: VersionList; regions: RegionState[] }) {
  const { model, stable, canary } = summary;
  const roll = (version: number, isCanary: boolean) => async () => {
    const target = isCanary ? { version, share: canaryShare, watch: true } : { version };
    await session.client.rollout(model, target);
    onMove();
  };
  return (
    <div class="scroll">
      <table>
        <caption class="unseen">The versions of {model}, the newest first</caption>
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              Thin, right
            </th>
            <th scope="col" class="number">
              Thin, log-loss
            </th>
            <th scope="col" class="number">
              Full, right
            </th>
            <th scope="col">Who runs it</th>
            <th scope="col">
              <span class="unseen">What to do</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {list.versions
            .toSorted((a, b) => b.version - a.version)
            .map(({ version, state, createdAt, metrics, preparing }) => {
              const running = regions.filter(({ base }) => base === version).length;
              return (
                <tr key={version}>
                  <th scope="row">
                    {version} <small>{moment(createdAt)}</small>
                  </th>
                  <td data-label="State">
                    <Badge kind={state === "stable" ? "good" : state === "canary" ? "warn" : "plain"}>{state}</Badge>
                    {preparing.length > 0 && <small>{preparing.length} regions make their head for it</small>}
                  </td>
                  <td class="number" data-label="Thin, right">
                    {percent(metrics?.thin.accuracy)}
                  </td>
                  <td class="number" data-label="Thin, log-loss">
                    {four(metrics?.thin.logLoss)}
                  </td>
                  <td class="number" data-label="Full, right">
                    {percent(metrics?.full?.accuracy)}
                  </td>
                  <td data-label="Who runs it">
                    {version === canary?.version
                      ? `${percent(canary.share)} of callers`
                      : version === stable
                        ? canary
                          ? "all others"
                          : "all callers"
                        : "nobody"}
                    {running > 0 && `; ${count(running)} regions`}
                  </td>
                  <td class="actions">
                    {version !== stable && (
                      <>
                        {version !== canary?.version && stable !== null && (
                          <Confirm
                            label="Canary"
                            what={`${percent(canaryShare)} of callers get version ${version}; what its answers turn out to be promotes it or rolls it back.`}
                            onConfirm={roll(version, true)}
                          />
                        )}
                        <Confirm
                          label="Promote"
                          kind="primary"
                          what={`Version ${version} serves all callers. Regions that are not ready stay on theirs until they are.`}
                          onConfirm={roll(version, false)}
                        />
                      </>
                    )}
                  </td>
                </tr>
              );
            })}
        </tbody>
      </table>
    </div>
  );
}

function Canary({ summary: { canary }, watch }: { summary: ModelSummary; watch: CanaryState | null }) {
  if (!watch)
    return (
      <p class="notice">
        Version {canary?.version} answers {percent(canary?.share)} of callers, unwatched.
      </p>
    );
  const { version, outcome, reason, verdict, deadlineAt, regions, share } = watch;
  const labelled = regions
    .flatMap(({ versions }) => versions)
    .reduce((sum, { labelled: { accepted } }) => sum + accepted, 0);
  return (
    <section class="notice" aria-label="Canary">
      <p>
        {outcome ? (
          <>
            Canary {version} was{" "}
            <Badge kind={outcome === "promoted" ? "good" : outcome === "ended" ? "plain" : "bad"}>{outcome}</Badge>:{" "}
            {reason}
          </>
        ) : (
          <>
            <Badge kind="warn">Canary {version}</Badge> answers {percent(share)} of callers, watched until{" "}
            {moment(deadlineAt)}: {verdict?.reason ?? "no look yet"}
          </>
        )}
      </p>
      {!outcome && (
        <p class="muted">
          {count(labelled)} audited answers of {regions.length} regions judge it.
          {verdict &&
            ` Errs oftener by ${verdict.error.mean === null ? "–" : percent(verdict.error.mean)}, between ${percent(verdict.error.lower)} and ${percent(verdict.error.upper)}.`}
        </p>
      )}
    </section>
  );
}

function Trainings({ session, model }: { session: Session; model: string }) {
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

/** A training's report, in a frame that may run nothing. */
function Report({ session, model, id }: { session: Session; model: string; id: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [page, setPage] = useState<string | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  const [isOpen, setOpen] = useState(false);
  const open = async () => {
    setFailure(null);
    setOpen(true);
    dialog.current?.showModal();
    await session.client.jobReport(model, id).then(setPage, setFailure);
  };
  return (
    <>
      <button type="button" class="quiet" onClick={open}>
        Report
      </button>
      <dialog ref={dialog} class="wide" aria-label="Training report" onClose={() => setOpen(false)}>
        {failure && <Problem error={failure} />}
        {page === null || !isOpen ? (
          isOpen && !failure && <p class="loading">Loading …</p>
        ) : (
          <iframe title="Training report" sandbox="" srcdoc={page} />
        )}
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </div>
      </dialog>
    </>
  );
}

/** What was done with the versions; what was done with heads stands with their region. */
function History({ list: { history } }: { list: VersionList }) {
  const own = history.filter(({ region }) => region === null);
  if (own.length === 0) return <Empty title="Nothing was done yet." />;
  return (
    <ul class="list">
      {own.slice(0, 20).map((event) => (
        <li key={`${event.at}${event.action}${event.version}`}>
          {moment(event.at)}: {wordsOf(event)}
          {event.reason && `: ${event.reason}`}
        </li>
      ))}
    </ul>
  );
}

function wordsOf({ action, version, share }: VersionList["history"][number]): string {
  switch (action) {
    case "published":
      return `version ${version} published`;
    case "stable":
      return `version ${version} serves all`;
    case "canary":
      return `version ${version} for ${percent(share)} of callers`;
    case "rollback":
      return `rolled back, version ${version}`;
    default:
      return `${action} ${version}`;
  }
}
