import {
  type Answer,
  type ClassifyManifest,
  type Opinion,
  type Question,
  rungs,
  versionName,
} from "#core/contract/index.ts";
import { choose, restricts, uncertifiedChoice } from "#core/rung/candidates.ts";
import type { StoredQuestion } from "../tables/questions.ts";

/** Returns the provisional answer to a question that arrives: the inference of the rung below. */
export function provisionalAnswer(
  { model, labels, version }: ClassifyManifest,
  { id, region, inference, candidates }: Question,
): Answer {
  const scores = inference?.scores.length === labels.length ? inference.scores : labels.map(() => 1 / labels.length);
  return {
    id,
    model,
    region,
    status: "open",
    ...choose(labels, scores, candidates),
    accepted: false,
    rung: rungs[0],
    version: inference?.version ?? versionName(version),
    certificate: null,
    ...(restricts(labels, candidates) ? uncertifiedChoice() : {}),
  };
}

/** Returns the opinions of the rungs below the region, and of the semantic cache. */
export function opinionsOf(manifest: ClassifyManifest, question: Question, fromCache: Answer | null): Opinion[] {
  const hasInference = question.inference?.scores.length === manifest.labels.length;
  return [
    ...(hasInference ? [opinionOf(provisionalAnswer(manifest, question))] : []),
    ...(fromCache?.rung === "region" ? [opinionOf(fromCache)] : []),
  ];
}

/** Returns the opinion in an answer. */
export function opinionOf({ rung, version, label, confidence, scores }: Answer): Opinion {
  return { rung, version, label, confidence, scores };
}

/** Returns the answer to a question whose label is known: the best of its candidates, not accepted, if it is another label. */
export function labelledAnswer(row: StoredQuestion, label: string, source: "truth" | "human"): Answer {
  if (row.candidates && !row.candidates.includes(label)) {
    // A label among the candidates was corrected: the rungs' best answer is the last opinion.
    const best = row.answer.rung === "human" ? row.opinions.at(-1) : null;
    return { ...row.answer, ...best, status: "answered", accepted: false };
  }
  const others = Object.fromEntries(Object.keys(row.answer.scores).map((name) => [name, 0]));
  const scores = { ...others, [label]: 1 };
  const known = { label, scores, confidence: 1, accepted: true, version: source, certificate: null } as const;
  return { ...row.answer, ...known, status: "answered", rung: "human" };
}
