import { type Input, labelStudioNames } from "#core/contract/index.ts";

const { control, object } = labelStudioNames;

/** A labelling configuration for a model's tasks: what is shown, and a choice of each label. */
export function labellingConfig(input: Input, labels: readonly string[]): string {
  const choices = labels.map((label) => `    <Choice value="${escaped(label)}"/>`);
  return [
    "<View>",
    `  ${shown[input.kind]}`,
    `  <Choices name="${control}" toName="${object}" choice="single" required="true" showInline="true">`,
    ...choices,
    "  </Choices>",
    "</View>",
    "",
  ].join("\n");
}

const shown: Record<Input["kind"], string> = {
  image: `<Image name="${object}" value="$image"/>`,
  features: `<Table name="${object}" value="$instance"/>`,
  tensor: `<Text name="${object}" value="$instance"/>`,
};

// Line breaks and tabs in an attribute would be read as spaces, and the label would be another.
function escaped(text: string): string {
  return text.replace(/[&<>"'\n\r\t]/g, (character) => `&#${character.charCodeAt(0)};`);
}
