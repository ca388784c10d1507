import { isPriced } from "#core/budget/price.ts";
import type { ExternalRung, Policy, TrainableDocument } from "#core/contract/index.ts";
import { labelsMaxOf } from "#core/rung/external/ladder.ts";
import { checkLabels } from "./labels.ts";

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

/** Returns the budget of a month; throws an error where it limits nothing, buys nothing, or names a rung that is missing. */
export function knownBudget({
  name,
  budget,
  rungs = [],
}: Pick<TrainableDocument, "name" | "budget" | "rungs">): Pick<Policy, "budget"> {
  const { usdPerMonth, atLimit } = budget ?? {};
  if (usdPerMonth === undefined) {
    if (atLimit === undefined) return {};
    throw new Error(`budget.atLimit of the recipe '${name}' needs a limit. Add budget.usdPerMonth, or remove atLimit.`);
  }
  const priced = rungs.filter((rung): rung is ExternalRung => typeof rung !== "string" && isPriced(rung.price));
  if (priced.length === 0) {
    const remedy = "Give one a price (usdPerQuestion or usdPerMillionInputTokens), or remove the budget.";
    throw new Error(`budget.usdPerMonth: no rung of the recipe '${name}' has a price. ${remedy}`);
  }
  const dear = priced.find(({ price }) => (price?.usdPerQuestion ?? 0) > usdPerMonth);
  if (dear) {
    throw new Error(
      `budget.usdPerMonth: ${usdPerMonth} does not pay for one question to '${dear.name}'. Raise it, or correct the price.`,
    );
  }
  if (atLimit === "people" && !rungs.includes("human")) {
    throw new Error(
      `budget.atLimit: the recipe '${name}' has no rung 'human'. Add it to its rungs, or choose "answer".`,
    );
  }
  return { budget: { usdPerMonth, atLimit: atLimit ?? "answer" } };
}
