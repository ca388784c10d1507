import { useEffect, useRef, useState } from "preact/hooks";
import type { Input, ModelSummary, ReviewQuestion, UpriverClient } from "../../client/index.ts";
import { count, moment, percent } from "../../core/format.ts";
import type { PageProps } from "../app.tsx";
import { useLive } from "../live.ts";
import { InstanceView } from "../parts/instance.tsx";
import { LabelStudio } from "../parts/label-studio.tsx";
import { ModelChoice } from "../parts/model-choice.tsx";
import { Scores } from "../parts/scores.tsx";
import { Badge, Empty, Loaded, Problem } from "../parts/states.tsx";
import { useReviewing } from "../reviewing.ts";

const nameKey = "upriver-reviewer";
/** Keys of the labels, in order; s, u and f mean something else. */
const labelKeys = [..."1234567890abcdeghijklmnopqrtvwxyz"];

/** The human rung: one question at a time. */
export function ReviewPage({ session, place }: PageProps) {
  const { client } = session;
  const models = useLive("models", () => client.models(), null);
  return (
    <Loaded of={models}>
      {(all) => {
        const served = all.filter(({ stable }) => stable !== null);
        const model = served.find((one) => one.model === place.path[1]) ?? served[0];
        if (!model) {
          return (
            <>
              <h1>Review</h1>
              <Empty title="No model is served yet." />
            </>
          );
        }
        return <Model key={model.model} client={client} models={served} model={model.model} name={session.token.id} />;
      }}
    </Loaded>
  );
}

interface ModelProps {
  client: UpriverClient;
  models: ModelSummary[];
  model: string;
  name: string;
}

function Model({ client, models, model, name }: ModelProps) {
  const [reviewer, setReviewer] = useState(
    () => localStorage.getItem(nameKey) ?? `${name}-${Math.random().toString(36).slice(2, 6)}`,
  );
  const state = useLive(
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
      <h1>Review {model}</h1>
      <ModelChoice page="review" models={models.map((one) => one.model)} model={model} />
      <Loaded of={state}>
        {({ state: { task, ...served }, manifest }) =>
          task === "tensor" || !("labels" in served) ? (
            <Empty title="A model of tensors has no labels: there is nothing to review." />
          ) : (
            <Desk
              client={client}
              model={model}
              labels={served.labels}
              input={manifest.task === "classify" ? manifest.thin.input : null}
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
        <span class="muted">Questions that you see are yours for five minutes; nobody else gets them meanwhile.</span>
      </form>
      <LabelStudio client={client} model={model} reviewer={reviewer} />
    </>
  );
}

interface DeskProps {
  client: UpriverClient;
  model: string;
  labels: string[];
  input: Input | null;
  reviewer: string;
}

function Desk({ client, model, labels, input, reviewer }: DeskProps) {
  const desk = useReviewing(client, model, reviewer);
  const { current, given, waiting, done, perMinute, error, canUndo } = desk;
  const flagging = useRef<HTMLDialogElement>(null);
  useKeys((key) => {
    if (flagging.current?.open) return false;
    if (key === "u" && canUndo) desk.undo();
    else if (key === "s" && current) desk.skip();
    else if (key === "f" && current && given === null) flagging.current?.showModal();
    else {
      const label = labels[labelKeys.indexOf(key)];
      if (label === undefined || !current) return false;
      desk.answer(label);
    }
    return true;
  });
  return (
    <>
      <p class="tally" role="status">
        <span>
          {waiting === null ? "–" : count(waiting)} <span class="muted">waiting</span>
        </span>
        <span>
          {count(done)} <span class="muted">answered by you</span>
        </span>
        {perMinute !== null && (
          <span>
            {perMinute.toFixed(0)} <span class="muted">a minute</span>
          </span>
        )}
      </p>
      {error && <Problem error={error} onRetry={desk.refresh} />}
      {current ? (
        <Question question={current} input={input} given={given} />
      ) : desk.isLoading ? (
        <p class="loading">Loading …</p>
      ) : (
        !error && <NothingToDo waiting={waiting ?? 0} />
      )}
      <fieldset class="answers" aria-label="The label">
        {labels.map((label, i) => (
          <button
            key={label}
            type="button"
            disabled={!current}
            class={label === given ? "given" : undefined}
            onClick={() => desk.answer(label)}
            aria-keyshortcuts={labelKeys[i]}
          >
            {labelKeys[i] && <kbd>{labelKeys[i]}</kbd>} {label}
          </button>
        ))}
      </fieldset>
      <div class="actions start">
        <button type="button" class="quiet" disabled={!current} onClick={desk.skip} aria-keyshortcuts="s">
          <kbd>s</kbd> {given === null ? "Skip" : "Leave it so"}
        </button>
        <button type="button" class="quiet" disabled={!canUndo} onClick={desk.undo} aria-keyshortcuts="u">
          <kbd>u</kbd> Undo
        </button>
        <button
          type="button"
          class="quiet"
          disabled={!current || given !== null}
          onClick={() => flagging.current?.showModal()}
          aria-keyshortcuts="f"
        >
          <kbd>f</kbd> Flag
        </button>
      </div>
      <FlagDialog dialog={flagging} onFlag={desk.flag} />
    </>
  );
}

function Question({ question, input, given }: { question: ReviewQuestion; input: Input | null; given: string | null }) {
  const { id, region, instance, thoughts, queuedAt } = question;
  return (
    <article class="question" data-question={id} aria-label="The question">
      <p class="head">
        <span>
          <strong>{region}</strong> <span class="muted">since {moment(queuedAt)}</span>
        </span>
        {given !== null && <Badge kind="warn">you said {given}; another label corrects it</Badge>}
      </p>
      <div class="pair">
        <InstanceView input={input} instance={instance} />
        <div>
          <h2 class="small">What each rung thought</h2>
          {thoughts.length === 0 && <p class="muted">Nothing that was kept.</p>}
          {thoughts.map(({ rung, version, label, confidence, scores }) => (
            <section key={rung} class="thought">
              <h3>
                {rung} <span class="muted">version {version}</span>
              </h3>
              <p>
                {label}, {percent(confidence)}
              </p>
              <Scores scores={scores} />
            </section>
          ))}
        </div>
      </div>
    </article>
  );
}

function NothingToDo({ waiting }: { waiting: number }) {
  const title = waiting === 0 ? "Nobody waits for an answer." : "What waits is in somebody else's hands just now.";
  return (
    <Empty title={title}>
      <p>
        {waiting === 0
          ? "Questions that no rung is sure of come here by themselves."
          : "A question comes here when whoever holds it skips it, or has let it lie for five minutes."}{" "}
        This page looks every few seconds.
      </p>
    </Empty>
  );
}

function FlagDialog({
  dialog,
  onFlag,
}: {
  dialog: { current: HTMLDialogElement | null };
  onFlag: (reason: string) => void;
}) {
  const field = useRef<HTMLInputElement>(null);
  const submit = (event: Event) => {
    event.preventDefault();
    const reason = field.current?.value.trim() ?? "";
    if (!reason) return;
    onFlag(reason);
    dialog.current?.close();
    if (field.current) field.current.value = "";
  };
  return (
    <dialog ref={dialog} aria-label="Flag the question">
      <form onSubmit={submit}>
        <label>
          Why can no person answer it?
          <input ref={field} maxLength={500} required placeholder="blurred; not one of the labels; …" />
        </label>
        <p class="muted">It leaves the queue. Whoever asked gets the best answer so far.</p>
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Flag it
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** Hands single keys to the page, but for those that a field or a combination is for. */
function useKeys(onKey: (key: string) => boolean): void {
  const latest = useRef(onKey);
  latest.current = onKey;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if ((event.target as Element).closest("input, textarea, select, dialog")) return;
      if (latest.current(event.key.toLowerCase())) event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}
