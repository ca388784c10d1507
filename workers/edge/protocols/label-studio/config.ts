import { type ClassifyManifest, type Input, labelStudioNames } from "#core/contract/index.ts";

const { control, object } = labelStudioNames;

/** Makes a labelling configuration for a model's tasks: the shown object, and the choices of each task, or a number. */
export function labellingConfig(input: Input, { number }: Pick<ClassifyManifest, "number">): string {
  if (number) {
    const field = `<Number name="${control}" toName="${object}" required="true"/>`;
    return ["<View>", `  ${shown[input.kind]}`, `  ${field}`, "</View>", ""].join("\n");
  }
  return [
    "<View>",
    `  ${shown[input.kind]}`,
    `  <Choices name="${control}" toName="${object}" value="$choices" choice="single" required="true" showInline="true"/>`,
    "</View>",
    "",
  ].join("\n");
}

const shown: Record<Input["kind"], string> = {
  image: `<Image name="${object}" value="$image"/>`,
  features: `<Table name="${object}" value="$instance"/>`,
  tensor: `<Text name="${object}" value="$instance"/>`,
};
