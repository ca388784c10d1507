import {
  type Answer,
  type ClassifyManifest,
  type Opinion,
  type Question,
  rungs,
  versionName,
} from "#core/contract/index.ts";
import { argMax } from "#core/head/head.ts";
import type { StoredQuestion } from "../tables/questions.ts";

/** Returns the provisional answer to a question that arrives: the inference of the rung below. */
export function provisionalAnswer(
  { model, labels, version }: ClassifyManifest,
  { id, region, inference }: Question,
): Answer {
  const scores = inference?.scores.length === labels.length ? inference.scores : labels.map(() => 1 / labels.length);
  const predicted = argMax(scores);
  return {
    id,
    model,
    region,
    status: "open",
    label: labels[predicted] as string,
    scores: Object.fromEntries(labels.map((label, i) => [label, scores[i] as number])),
    confidence: scores[predicted] as number,
    accepted: false,
    rung: rungs[0],
    version: inference?.version ?? versionName(version),
    certificate: null,
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

/** Returns the answer to a question whose label is known. */
export function labelledAnswer(row: StoredQuestion, label: string, source: "truth" | "human"): Answer {
  const others = Object.fromEntries(Object.keys(row.answer.scores).map((name) => [name, 0]));
  const scores = { ...others, [label]: 1 };
  const known = { label, scores, confidence: 1, accepted: true, version: source, certificate: null } as const;
  return { ...row.answer, ...known, status: "answered", rung: "human" };
}
