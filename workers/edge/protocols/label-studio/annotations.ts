import { labelStudioNames } from "#core/contract/index.ts";
import { fail, ok, type Result } from "#core/result.ts";
import type { LabelStudioAnnotated } from "./schema.ts";

type Annotation = LabelStudioAnnotated["annotations"][number];

/**
 * The label that a task's annotations give: null where there is none, a reason where they say no single one. Of several
 * people all must agree; where one annotation is marked as ground truth, it is the one that counts.
 */
export function labelOf({ annotations }: LabelStudioAnnotated): Result<string | null, string> {
  const given = annotations.filter((annotation) => !annotation.was_cancelled && choicesOf(annotation).length > 0);
  const proven = given.filter(({ ground_truth }) => ground_truth);
  const counted = (proven.length > 0 ? proven : given).map(choicesOf);
  const several = counted.find((choices) => choices.length > 1);
  if (several) return fail(`Expected one choice, but got ${several.length}: ${several.join(", ")}.`);
  const labels = [...new Set(counted.flat())];
  if (labels.length > 1) return fail(`The annotations differ: ${labels.join(", ")}.`);
  return ok(labels[0] ?? null);
}

function choicesOf({ result }: Annotation): string[] {
  return result
    .filter(({ from_name, type }) => type === "choices" && from_name === labelStudioNames.control)
    .flatMap(({ value }) => value?.choices ?? []);
}
