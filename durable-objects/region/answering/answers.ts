import {
  type Answer,
  type ClassifyManifest,
  type Opinion,
  type Question,
  type Reading,
  rungs,
  versionName,
} from "#core/contract/index.ts";
import { type Task, taskOf } from "#core/task/index.ts";
import type { StoredQuestion } from "../tables/questions.ts";

/**
 * Returns the provisional answer to a question that arrives: the inference of the rung below.
 * @param reading how the scores of the region's head are read as numbers; as the global head's unless given
 */
export function provisionalAnswer(
  manifest: ClassifyManifest,
  { id, region, inference }: Question,
  reading: Reading | undefined = manifest.thin.reading,
): Answer {
  const { model, labels, version } = manifest;
  const scores = inference?.scores.length === labels.length ? inference.scores : labels.map(() => 1 / labels.length);
  return {
    id,
    model,
    region,
    status: "open",
    ...taskOf(manifest).read(scores, reading),
    accepted: false,
    rung: rungs[0],
    version: inference?.version ?? versionName(version),
    certificate: null,
  };
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

/** Returns the answer to a question whose label is known. */
export function labelledAnswer(task: Task, row: StoredQuestion, label: string, source: "truth" | "human"): Answer {
  const { mean: _, interval: __, intervalCoverage: ___, ...before } = row.answer;
  const known = { ...task.known(label), accepted: true, version: source, certificate: null } as const;
  return { ...before, ...known, status: "answered", rung: "human" };
}
