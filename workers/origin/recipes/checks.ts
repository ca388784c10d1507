import type { TrainableDocument } from "#core/contract/index.ts";
import { labelsMaxOf } from "#core/rung/external/ladder.ts";

/** Throws an error that names the field whose names are no labels of the recipe. */
export function checkLabels(labels: readonly string[], field: string, names: readonly string[]): void {
  const unknown = names.find((name) => !labels.includes(name));
  if (unknown === undefined) return;
  throw new Error(`${field} names '${unknown}', which is none of the labels ${labels.join(", ")}. Correct it.`);
}

/** Returns the rungs of a recipe. Throws an error where an external one describes no label, or can't answer. */
export function knownRungs({ task, rungs }: Pick<TrainableDocument, "task" | "rungs">, values: readonly string[] = []) {
  for (const rung of rungs ?? []) {
    if (typeof rung === "string") continue;
    const { name, kind, labels = {} } = rung;
    const most = labelsMaxOf(rung);
    if (task === "regress") {
      throw new Error(`rungs: '${name}' (${kind}) answers no numbers, only labels. Remove it from the recipe.`);
    }
    checkLabels(values, `rungs: labels of '${name}'`, Object.keys(labels));
    if (values.length <= most) continue;
    throw new Error(
      `rungs: '${name}' (${kind}) takes ${most} labels at most; the recipe has ${values.length}. Choose another kind.`,
    );
  }
  return rungs;
}
