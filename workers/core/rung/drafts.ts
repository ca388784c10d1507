import type { AskBody, Draft } from "../contract/index.ts";
import { FaultError } from "../http/fault.ts";
import { type InvalidField, indexIn } from "../http/issues.ts";
import { describe } from "../input/describe.ts";

/** What a caller may choose of the labels. */
type Chosen = Pick<Draft, "candidates" | "top">;

const maxErrors = 20;
const receivedMaxChars = 100;

/**
 * Returns the drafts of a body: its `questions`, `instances` or `instance`, each with its own `candidates` and `top` or the
 * body's.
 */
export function draftsOf(body: AskBody): Draft[] {
  const { candidates, top } = body;
  const instances = body.instances ?? (body.instance === undefined ? [] : [body.instance]);
  const drafts = body.questions ?? instances.map((instance): Draft => ({ instance }));
  if (candidates === undefined && top === undefined) return drafts;
  const given = { ...(candidates ? { candidates } : {}), ...(top ? { top } : {}) };
  return drafts.map((draft) => ({ ...given, ...draft }));
}

/**
 * Checks `candidates` and `top` of a body's drafts. Throws the fault for a label that the model does not have. A rung below may
 * serve a version with other labels: of its candidates, those that are unknown here are left out, unless all are.
 *
 * @param labels the labels that a question may choose among; a model of numbers has none
 */
export function checkedDrafts<D extends Draft>(labels: readonly string[], body: AskBody, drafts: readonly D[]): D[] {
  if ((body.via ?? []).length > 0) return drafts.map((draft) => knownTo(labels, draft));
  if (labels.length === 0) {
    refuseChoice(body, "the model answers with a number");
    return [...drafts];
  }
  const { questions = [] } = body;
  const errors = [
    ...faultsOf(labels, body, undefined),
    ...questions.flatMap((draft, i) => faultsOf(labels, draft, indexIn(questions, i))),
  ];
  if (errors.length > 0) throw new FaultError({ kind: "invalid", errors: errors.slice(0, maxErrors) });
  return [...drafts];
}

/** Throws the fault for a body that chooses labels of a model that has none. */
export function refuseChoice(body: AskBody, why = "a tensor model has no labels"): void {
  const at = [body, ...(body.questions ?? [])].findIndex(({ candidates, top }) => candidates ?? top);
  if (at < 0) return;
  const { candidates } = [body, ...(body.questions ?? [])][at] as Chosen;
  const index = at === 0 ? undefined : indexIn(body.questions ?? [], at - 1);
  const expected = `absent: ${why}`;
  const received = candidates ? describe(candidates) : "a number";
  throw new FaultError({
    kind: "invalid",
    errors: [{ index, path: candidates ? "candidates" : "top", expected, received }],
  });
}

function knownTo<D extends Draft>(labels: readonly string[], draft: D): D {
  if (!draft.candidates) return draft;
  const all = new Set(labels);
  const known = draft.candidates.filter((label) => all.has(label));
  return { ...draft, candidates: known.length > 0 ? known : draft.candidates.slice(0, 1) };
}

function faultsOf(labels: readonly string[], { candidates = [], top = 1 }: Chosen, index?: number): InvalidField[] {
  if (candidates.length > labels.length) {
    const expected = `an array of at most ${labels.length} labels`;
    return [{ index, path: "candidates", expected, received: describe(candidates) }];
  }
  const all = new Set(labels);
  const unknown = candidates.flatMap((label, i): InvalidField[] => {
    const received = `'${label.slice(0, receivedMaxChars)}'`;
    return all.has(label)
      ? []
      : [{ index, path: `candidates.${i}`, expected: `one of ${labels.join(", ")}`, received }];
  });
  if (top <= labels.length) return unknown;
  return [...unknown, { index, path: "top", expected: `an integer from 1 to ${labels.length}`, received: String(top) }];
}
