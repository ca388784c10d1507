import {
  type Answer,
  type ClassifyManifest,
  type Opinion,
  type Question,
  type Reading,
  rungs,
  versionName,
} from "#core/contract/index.ts";
import { candidatesInOrder, readAmong, restricts, uncertifiedChoice } from "#core/rung/candidates.ts";
import type { Task } from "#core/task/index.ts";
import type { StoredQuestion } from "../tables/questions.ts";

/**
 * Returns the provisional answer to a question that arrives: the inference of the rung below.
 * @param reading how the scores of the region's head are read as numbers; as the global head's unless given
 */
export function provisionalAnswer(
  manifest: ClassifyManifest,
  { id, region, inference, candidates }: Question,
  reading: Reading | undefined = manifest.thin.reading,
): Answer {
  const { model, labels, version } = manifest;
  const scores = inference?.scores.length === labels.length ? inference.scores : labels.map(() => 1 / labels.length);
  return {
    id,
    model,
    region,
    status: "open",
    ...readAmong(manifest, scores, candidates, reading),
    accepted: false,
    rung: rungs[0],
    version: inference?.version ?? versionName(version),
    certificate: null,
    ...(restricts(labels, candidates) ? uncertifiedChoice() : {}),
  };
}

/** Returns a question's answer as callers see it: of one that waits, since the rung above can't be reached, marked as degraded. */
export function shownAnswer({ answer, tries }: Pick<StoredQuestion, "answer" | "tries">, isOnNode: boolean): Answer {
  return isOnNode && answer.status === "open" && tries > 0 ? { ...answer, degraded: true } : answer;
}

/** Returns the opinions of the rungs below the region, and of the semantic cache. */
export function opinionsOf(
  manifest: ClassifyManifest,
  question: Question,
  provisional: Answer,
  fromCache: Answer | null,
): Opinion[] {
  const hasInference = question.inference?.scores.length === manifest.labels.length;
  return [
    ...(hasInference ? [opinionOf(provisional)] : []),
    ...(fromCache?.rung === "region" ? [opinionOf(fromCache)] : []),
  ];
}

/** Returns the opinion in an answer. */
export function opinionOf({ rung, version, label, confidence, scores }: Answer): Opinion {
  return { rung, version, label, confidence, scores };
}

/** Returns the answer to a question whose label is known: the best of its candidates, not accepted, if it is another label. */
export function labelledAnswer(task: Task, row: StoredQuestion, label: string, source: "truth" | "human"): Answer {
  if (row.candidates && !row.candidates.includes(label)) {
    // A label among the candidates was corrected: the rungs' best answer is the last opinion.
    const best = row.answer.rung === "human" ? row.opinions.at(-1) : null;
    return { ...row.answer, ...best, status: "answered", accepted: false };
  }
  const { mean: _, interval: __, intervalCoverage: ___, degraded: ____, ...before } = row.answer;
  const known = { ...before, ...task.known(label) };
  // Scores name the labels that may be answered.
  if (row.candidates) {
    const names = candidatesInOrder(Object.keys(known.scores), row.candidates);
    known.scores = Object.fromEntries(names.map((name) => [name, Number(name === label)]));
  }
  return { ...known, status: "answered", accepted: true, rung: "human", version: source, certificate: null };
}
