import { useRef } from "preact/hooks";
import type { Input, NumberTask, UpriverClient } from "#client/index.ts";
import { useKeys } from "#console/parts/keys.ts";
import { Empty, ProblemNotice } from "#console/parts/states.tsx";
import { count } from "#core/format.ts";
import { FlagDialog } from "./flag-dialog.tsx";
import { NumberAnswer } from "./number-answer.tsx";
import { QuestionView } from "./question.tsx";
import { useReviewing } from "./reviewing.ts";

/** Keys of all labels, in order, whichever are shown; s, u and f are actions. */
const labelKeys = [..."1234567890abcdeghijklmnopqrtvwxyz"];

interface DeskProps {
  client: UpriverClient;
  model: string;
  /** The labels to choose from; none where a number is typed. */
  labels: string[];
  /** Of a model of numbers. */
  number: NumberTask | undefined;
  input: Input | null;
  reviewer: string;
}

/** The review desk: the current question, a key for each label, and the actions skip, undo and flag. */
export function Desk({ client, model, labels, number, input, reviewer }: DeskProps) {
  const desk = useReviewing(client, model, reviewer);
  const { current, given, waiting, done, perMinute, error, canUndo } = desk;
  const mayAnswer = (label: string) => current?.candidates?.includes(label) ?? true;
  const flagging = useRef<HTMLDialogElement>(null);
  useKeys((key) => {
    if (flagging.current?.open) return false;
    if (key === "u" && canUndo) desk.undo();
    else if (key === "s" && current) desk.skip();
    else if (key === "f" && current && given === null) flagging.current?.showModal();
    else {
      const label = labels[labelKeys.indexOf(key)];
      if (label === undefined || !current || !mayAnswer(label)) return false;
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
      {error && <ProblemNotice error={error} onRetry={desk.refresh} />}
      {current ? (
        <QuestionView question={current} input={input} given={given} />
      ) : desk.isLoading ? (
        <p class="loading">Loading …</p>
      ) : (
        !error && <QueueEmpty waiting={waiting ?? 0} />
      )}
      {number ? (
        <NumberAnswer key={current?.id} given={given} unit={number.unit} isDisabled={!current} onAnswer={desk.answer} />
      ) : (
        <fieldset class="answers" aria-label="Label">
          {labels.map(
            (label, i) =>
              mayAnswer(label) && (
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
              ),
          )}
        </fieldset>
      )}
      <div class="actions start">
        <button type="button" class="quiet" disabled={!current} onClick={desk.skip} aria-keyshortcuts="s">
          <kbd>s</kbd> {given === null ? "Skip" : "Keep the answer"}
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

function QueueEmpty({ waiting }: { waiting: number }) {
  const title = waiting === 0 ? "No question is waiting." : "Other reviewers have all waiting questions.";
  return (
    <Empty title={title}>
      <p>
        {waiting === 0
          ? "Questions that no rung accepts appear here."
          : "A question appears here when its reviewer skips it or its lease ends: after five minutes on this page and in the CLI, after a day in an export for Label Studio."}{" "}
        This page checks every few seconds.
      </p>
    </Empty>
  );
}
