import {
  type ClassifyManifest,
  type Input,
  type LabelStudioTask,
  labelStudioNames,
  type ReviewQuestion,
} from "#core/contract/index.ts";
import { dataUrl, pngOf } from "#edge/images/encode.ts";

/** Converts an open question to a task, with the opinions of the rungs as predictions. */
export function taskOf(
  question: ReviewQuestion,
  input: Input,
  { labels, number }: Pick<ClassifyManifest, "labels" | "number">,
): LabelStudioTask {
  const { id, region, candidates = labels, provisional, opinions } = question;
  const made = opinions.length > 0 || !provisional ? opinions : [provisional];
  return {
    data: {
      upriver_id: id,
      region,
      ...(number ? {} : { choices: candidates.map((value) => ({ value })) }),
      ...shown(question, input),
    },
    predictions: made.map(({ rung, version, label, confidence }) => ({
      model_version: `${rung} ${version}`,
      score: confidence,
      result: [number ? { ...names, type: "number", value: { number: Number(label) } } : choiceOf(label)],
    })),
  };
}

const names = { from_name: labelStudioNames.control, to_name: labelStudioNames.object };

function choiceOf(label: string) {
  return { ...names, type: "choices" as const, value: { choices: [label] } };
}

function shown({ instance }: ReviewQuestion, input: Input): Pick<LabelStudioTask["data"], "image" | "instance"> {
  if (!Array.isArray(instance)) return { instance };
  // The instance may have another size if it was sent to another version.
  const png = input.kind === "image" ? pngOf(instance, input) : null;
  return png ? { image: dataUrl("image/png", png) } : { instance: JSON.stringify(instance) };
}
