import {
  type Answer,
  type ClassifyManifest,
  type Question,
  rungs,
  type Thought,
  versionName,
} from "../../workers/core/contract/index.ts";
import { argMax } from "../../workers/core/head/head.ts";
import type { StoredQuestion } from "./questions.ts";

/** The best that is known of a question on its way in: what the rung below made of it. */
export function provisionalAnswer(
  { model, labels, version }: ClassifyManifest,
  { id, region, made }: Question,
): Answer {
  const scores = made?.scores.length === labels.length ? made.scores : labels.map(() => 1 / labels.length);
  const picked = argMax(scores);
  return {
    id,
    model,
    region,
    status: "open",
    label: labels[picked] as string,
    scores: Object.fromEntries(labels.map((label, i) => [label, scores[i] as number])),
    confidence: scores[picked] as number,
    sure: false,
    rung: rungs[0],
    version: made?.version ?? versionName(version),
    certificate: null,
  };
}

/** What the rungs below the region made of a question on its way in, and what the region recalled of it. */
export function thoughtsOf(manifest: ClassifyManifest, question: Question, recalled: Answer | null): Thought[] {
  const isMade = question.made?.scores.length === manifest.labels.length;
  return [
    ...(isMade ? [thoughtOf(provisionalAnswer(manifest, question))] : []),
    ...(recalled?.rung === "region" ? [thoughtOf(recalled)] : []),
  ];
}

/** What a rung thought, from the answer that it gave. */
export function thoughtOf({ rung, version, label, confidence, scores }: Answer): Thought {
  return { rung, version, label, confidence, scores };
}

/** The answer once a label is known: a person or the world said so. */
export function labelledAnswer(row: StoredQuestion, label: string, source: "truth" | "human"): Answer {
  const others = Object.fromEntries(Object.keys(row.answer.scores).map((name) => [name, 0]));
  const scores = { ...others, [label]: 1 };
  const known = { label, scores, confidence: 1, sure: true, version: source, certificate: null } as const;
  return { ...row.answer, ...known, status: "answered", rung: "human" };
}
