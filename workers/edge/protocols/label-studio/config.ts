import { type Input, labelStudioNames } from "#core/contract/index.ts";

const { control, object } = labelStudioNames;

/** Makes a labelling configuration for a model's tasks: the shown object, and the choices of each task. */
export function labellingConfig(input: Input): string {
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
