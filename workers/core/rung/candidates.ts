import type { Answer, Reading, Uncertified } from "../contract/index.ts";
import { bestOf, type Choice } from "../task/classify.ts";
import { type Said, type TaskSpec, taskOf } from "../task/index.ts";

type Names = readonly string[];
type Candidates = Names | null | undefined;

/** Why a restricted answer has no certificate. */
const restrictedAnswer: Uncertified = {
  status: "pending",
  reason: "the question was restricted to candidates, and certificates cover unrestricted questions only",
  labels: 0,
  labelsNeeded: null,
};

/** Returns the labels that a question may choose among: those of a classifier. The labels of numbers are bins. */
export function choosable({ labels, number }: TaskSpec): Names {
  return number ? [] : labels;
}

/** Tells whether candidates leave out one of the labels. Candidates that list all of them restrict nothing. */
export function restricts(labels: Names, candidates: Candidates): candidates is Names {
  if (!candidates) return false;
  const allowed = new Set(candidates);
  return labels.some((label) => !allowed.has(label));
}

/** Returns the candidates in the order of the labels, those that are no label of the model last. */
export function candidatesInOrder(labels: Names, candidates: Names): string[] {
  const allowed = new Set(candidates);
  return [...new Set([...labels.filter((label) => allowed.has(label)), ...candidates])];
}

/**
 * Chooses the best label among the candidates, or among all labels without any. Scores stay those among all labels: they are
 * not renormalised, or few candidates would make any of them certain. A candidate that is no label of the model scores 0.
 */
export function choose(labels: Names, scores: ArrayLike<number>, candidates?: Candidates): Choice {
  if (!restricts(labels, candidates)) return bestOf(labels, scores);
  const known = new Map(labels.map((label, i) => [label, scores[i] as number]));
  const names = candidatesInOrder(labels, candidates);
  return bestOf(
    names,
    names.map((name) => known.get(name) ?? 0),
  );
}

/**
 * Reads scores as the model's task does; of a question with candidates, the best of them.
 * @param reading how the scores are read as numbers; classifiers have none
 */
export function readAmong(
  spec: TaskSpec,
  scores: ArrayLike<number>,
  candidates: Candidates,
  reading: Reading | undefined,
): Said {
  const { labels } = spec;
  return restricts(labels, candidates) ? choose(labels, scores, candidates) : taskOf(spec).read(scores, reading);
}

/**
 * Limits an answer to candidates: the best of them, without a certificate. It stays accepted only with the same label. An
 * answer to an unrestricted question stays as it is.
 *
 * @param labels the labels of the model; the answer may be of a version with others
 */
export function withinCandidates(answer: Answer, labels: Names, candidates: Candidates): Answer {
  if (!candidates) return answer;
  const { label, confidence } = answer;
  const known = new Map([
    ...labels.map((name) => [name, 0] as const),
    [label, confidence],
    ...Object.entries(answer.scores),
  ]);
  if (!restricts([...known.keys()], candidates)) return answer;
  const choice = choose([...known.keys()], [...known.values()], candidates);
  const accepted = answer.accepted && choice.label === label;
  return { ...answer, ...choice, accepted, ...uncertifiedChoice() };
}

/** The fields about its certificate that every restricted answer has. */
export function uncertifiedChoice(): Pick<Answer, "certificate" | "uncertified"> {
  return { certificate: null, uncertified: restrictedAnswer };
}

/** Adds the best labels of an answer in order, with their scores; nothing without `top`. */
export function withTop(answer: Answer, top: number | null | undefined): Answer {
  if (!top) return answer;
  const isAnswered = (label: string) => Number(label === answer.label);
  const ranked = Object.entries(answer.scores)
    .map(([label, score]) => ({ label, score }))
    .sort((a, b) => b.score - a.score || isAnswered(b.label) - isAnswered(a.label));
  return { ...answer, top: ranked.slice(0, top) };
}
