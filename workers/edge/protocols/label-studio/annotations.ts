import { labelStudioNames } from "#core/contract/index.ts";
import { fail, ok, type Result } from "#core/result.ts";
import type { LabelStudioAnnotated } from "./schema.ts";

type Annotation = LabelStudioAnnotated["annotations"][number];

/**
 * Reads the label of a task's annotations: null without one, a reason if there is no single one. All annotators must
 * agree, unless an annotation is marked as ground truth.
 */
export function labelOf({ annotations }: LabelStudioAnnotated): Result<string | null, string> {
  const given = annotations.filter((annotation) => !annotation.was_cancelled && choicesOf(annotation).length > 0);
  const proven = given.filter(({ ground_truth }) => ground_truth);
  const counted = (proven.length > 0 ? proven : given).map(choicesOf);
  const several = counted.find((choices) => choices.length > 1);
  if (several) return fail(`The annotation must have one choice; received ${several.length}: ${several.join(", ")}.`);
  const labels = [...new Set(counted.flat())];
  if (labels.length > 1) return fail(`The annotators disagree: ${labels.join(", ")}.`);
  return ok(labels[0] ?? null);
}

function choicesOf({ result }: Annotation): string[] {
  return result
    .filter(({ from_name }) => from_name === labelStudioNames.control)
    .flatMap(({ type, value }) => {
      if (type === "number") return value?.number === undefined ? [] : [String(value.number)];
      return type === "choices" ? (value?.choices ?? []) : [];
    });
}
