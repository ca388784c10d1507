import type { RecipeDocument, TrainableDocument } from "#core/contract/index.ts";
import { asFeatures } from "./text-input.ts";

/** Tells whether a recipe has no rows of its own: the samples of the regions alone train its model. */
export function isWithoutRows({ source }: Pick<RecipeDocument, "source">): boolean {
  return typeof source === "object" && "samples" in source;
}

/** Throws, naming the field, where a recipe without rows leaves open what would have to be inferred from rows. */
export function checkWithoutRows(document: TrainableDocument): void {
  if (!isWithoutRows(document)) return;
  const { name, task, label, input, region, networks } = document;
  const faults = [
    ...(task === "regress" ? ["task: numbers need rows; choose labels, or a source with rows"] : []),
    ...(typeof label === "object" && label.values ? [] : ["label.values: list the labels"]),
    ...(input ? [] : ['input: say what a question is, such as {"kind": "text"}']),
    ...(input && !isPlain(input) ? ["input: choose a text, an image, a tensor or text columns in n-grams"] : []),
    ...(networks?.node || networks?.device
      ? ["networks: remove node and device, which full teaches; there is none"]
      : []),
    ...(typeof region === "string" ? ["region: list its keys, or open them: see region.keys"] : []),
  ];
  if (faults.length === 0) return;
  throw new Error([`Recipe '${name}' has no rows to infer from:`, ...faults.map((fault) => `  ${fault}`)].join("\n"));
}

function isPlain(input: NonNullable<TrainableDocument["input"]>): boolean {
  const plain = asFeatures(input);
  return plain.kind !== "features" || plain.columns.every((one) => one.type === "text" && one.encoding === "ngrams");
}
