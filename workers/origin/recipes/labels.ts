/** Throws an error that names the field whose names are no labels of the recipe. */
export function checkLabels(labels: readonly string[], field: string, names: readonly string[]): void {
  const unknown = names.find((name) => !labels.includes(name));
  if (unknown === undefined) return;
  throw new Error(`${field} names '${unknown}', which is none of the labels ${labels.join(", ")}. Correct it.`);
}
