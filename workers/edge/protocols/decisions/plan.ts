import type { Answer, Draft, Instance } from "#core/contract/index.ts";
import type { Decision, Distribution } from "#core/decisions/decision.ts";
import { FaultError } from "#core/http/fault.ts";
import type { InvalidField } from "#core/http/issues.ts";
import { describe } from "#core/input/describe.ts";

/** Which question of the ladder answers a decision, and how. */
interface Planned {
  draft: number;
  read: (answer: Answer) => Distribution;
}

/** The questions that answer all decisions about one instance: one, and one more for each set of options that restricts it. */
export interface DecisionPlan {
  drafts: Draft[];
  decisions: Planned[];
}

const yes = /^(?:yes|true|1|y|t|positive)$/i;
const no = /^(?:no|false|0|n|f|negative)$/i;

/**
 * Plans the questions for decisions about an instance. Options of a choice are labels of the model; some of them restrict
 * the question. Yes or no is asked of a label that the instructions name, or of a model that has these two. Levels are
 * labels of the model from the lowest up, or as many as it has numbers. Throws the fault for any others.
 *
 * @param pathOf the field of a decision in the protocol
 */
export function planDecisions(
  { model, labels }: { model: string; labels: readonly string[] },
  instance: Instance,
  decisions: readonly Decision[],
  pathOf: (decision: Decision, index: number) => string,
): DecisionPlan {
  const drafts = new Map<string, Draft>();
  const draftFor = (candidates: readonly string[]): number => {
    const isAll = labels.every((label) => candidates.includes(label));
    const key = isAll ? "" : JSON.stringify(candidates.toSorted());
    if (!drafts.has(key)) drafts.set(key, isAll ? { instance } : { instance, candidates: [...candidates] });
    return [...drafts.keys()].indexOf(key);
  };
  const errors: InvalidField[] = [];
  const planned = decisions.map((decision, index): Planned => {
    const path = pathOf(decision, index);
    const names = labelsOf(decision, labels);
    if (!names) {
      errors.push({ path, expected: expectedOf(decision, model, labels), received: receivedOf(decision) });
      return { draft: 0, read: () => [] };
    }
    if (decision.type === "yes-no") {
      const [label = ""] = names;
      return { draft: draftFor(labels), read: ({ scores }) => [scores[label] ?? 0, 1 - (scores[label] ?? 0)] };
    }
    return { draft: draftFor(names), read: ({ scores }) => shared(names.map((name) => scores[name] ?? 0)) };
  });
  if (errors.length > 0) throw new FaultError({ kind: "invalid", errors });
  return { drafts: [...drafts.values()], decisions: planned };
}

/** Returns the labels whose scores a decision's options have; for yes or no, the label that means yes. Null for none. */
function labelsOf({ type, instructions, options }: Decision, labels: readonly string[]): readonly string[] | null {
  if (type === "yes-no") {
    const named = [instructions, options[0]?.description ?? ""].map((text) => text.trim());
    const label = labels.find((one) => named.includes(one)) ?? yesAmong(labels);
    return label === undefined ? null : [label];
  }
  const names = options.map(({ value }) => String(value));
  if (new Set(names).size === names.length && names.every((name) => labels.includes(name))) return names;
  const areNumbers = labels.every((label) => label.trim() !== "" && Number.isFinite(Number(label)));
  if (type !== "score" || names.length !== labels.length || !areNumbers) return null;
  return labels.toSorted((a, b) => Number(a) - Number(b));
}

function yesAmong(labels: readonly string[]): string | undefined {
  return labels.length === 2 && labels.some((label) => no.test(label))
    ? labels.find((label) => yes.test(label))
    : undefined;
}

function expectedOf({ type }: Decision, model: string, labels: readonly string[]): string {
  const listed = labels.join(", ");
  switch (type) {
    case "choice":
      return `a choice among labels of '${model}': ${listed}`;
    case "yes-no":
      return `a yes/no question whose instructions are a label of '${model}': ${listed}`;
    case "score":
      return `a score whose levels are labels of '${model}', the lowest first: ${listed}`;
  }
}

function receivedOf({ type, instructions, options }: Decision): string {
  return describe(type === "yes-no" ? instructions : options.map(({ value }) => value));
}

/** Scales scores to sum 1: those of some labels do not. */
function shared(scores: readonly number[]): Distribution {
  const sum = scores.reduce((total, score) => total + score, 0);
  return sum > 0 ? scores.map((score) => score / sum) : scores.map(() => 1 / scores.length);
}
