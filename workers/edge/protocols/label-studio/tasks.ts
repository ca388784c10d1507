import { type Input, type LabelStudioTask, labelStudioNames, type ReviewQuestion } from "#core/contract/index.ts";
import { dataUrl, pngOf } from "#edge/images/encode.ts";

/** An open question as a task: what is to be labelled, and what each rung thought of it as predictions. */
export function taskOf(question: ReviewQuestion, input: Input): LabelStudioTask {
  const { id, region, provisional, opinions } = question;
  const made = opinions.length > 0 || !provisional ? opinions : [provisional];
  return {
    data: { upriver_id: id, region, ...shown(question, input) },
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
  // One that another version was asked may be of another size.
  const png = input.kind === "image" ? pngOf(instance, input) : null;
  return png ? { image: dataUrl("image/png", png) } : { instance: JSON.stringify(instance) };
}
