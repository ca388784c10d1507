import { type ClassifyManifest, type Input, labelStudioNames } from "#core/contract/index.ts";

const { control, object } = labelStudioNames;

/** Makes a labelling configuration for a model's tasks: the shown object, and one choice for each label, or a number. */
export function labellingConfig(input: Input, { labels, number }: Pick<ClassifyManifest, "labels" | "number">): string {
  if (number) {
    const field = `<Number name="${control}" toName="${object}" required="true"/>`;
    return ["<View>", `  ${shown[input.kind]}`, `  ${field}`, "</View>", ""].join("\n");
  }
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

// Line breaks and tabs are escaped, since XML reads them as spaces in attributes.
function escaped(text: string): string {
  return text.replace(/[&<>"'\n\r\t]/g, (character) => `&#${character.charCodeAt(0)};`);
}
