import { type Input, type LabelStudioTask, labelStudioNames, type ReviewQuestion } from "#core/contract/index.ts";
import { dataUrl, pngOf } from "#edge/images/encode.ts";

/** Converts an open question to a task, with the opinions of the rungs as predictions. */
export function taskOf(question: ReviewQuestion, input: Input, labels: readonly string[]): LabelStudioTask {
  const { id, region, candidates = labels, provisional, opinions } = question;
  const made = opinions.length > 0 || !provisional ? opinions : [provisional];
  return {
    data: { upriver_id: id, region, choices: candidates.map((value) => ({ value })), ...shown(question, input) },
    predictions: made.map(({ rung, version, label, confidence }) => ({
      model_version: `${rung} ${version}`,
      score: confidence,
      result: [
        {
          from_name: labelStudioNames.control,
          to_name: labelStudioNames.object,
          type: "choices",
          value: { choices: [label] },
        },
      ],
    })),
  };
}

function shown({ instance }: ReviewQuestion, input: Input): Pick<LabelStudioTask["data"], "image" | "instance"> {
  if (!Array.isArray(instance)) return { instance };
  // The instance may have another size if it was sent to another version.
  const png = input.kind === "image" ? pngOf(instance, input) : null;
  return png ? { image: dataUrl("image/png", png) } : { instance: JSON.stringify(instance) };
}
