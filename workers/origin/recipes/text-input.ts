import type { InputPlanDocument } from "#core/contract/index.ts";

/** An input without the short form of a text. */
export type PlainInputDocument = Exclude<InputPlanDocument, { kind: "text" }>;

/** Writes the input of a text as features with one column; other inputs stay as they are. */
export function asFeatures(input: InputPlanDocument): PlainInputDocument {
  if (input.kind !== "text") return input;
  const { kind, ...column } = input;
  return { kind: "features", columns: [{ type: kind, ...column, encoding: "ngrams" }], missing: "refuse" };
}

/** Whether an input has a text in n-grams, which needs an embedding bag. */
export function hasNgrams(input: InputPlanDocument): boolean {
  const plain = asFeatures(input);
  return plain.kind === "features" && plain.columns.some((one) => one.type === "text" && one.encoding === "ngrams");
}
