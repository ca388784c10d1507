import { isPriced } from "../../budget/price.ts";
import type { ExternalRung, Policy, RungName } from "../../contract/index.ts";

/** A rung as a recipe names it: ours by name, an external one by what it is. */
type NamedRung = RungName | ExternalRung;
type Ladder = Pick<Policy, "ladder" | "above">;

const ours: readonly RungName[] = ["edge", "region", "origin", "human"];

/** Returns the ladder of a recipe's rungs. External rungs answer as `origin`, in the order in which they are named. */
export function ladderOf(rungs: readonly NamedRung[] = ours): Ladder {
  const ladder = [...new Set(rungs.map((rung) => (typeof rung === "string" ? rung : "origin")))];
  const above = rungs.filter((rung): rung is "origin" | ExternalRung => typeof rung !== "string" || rung === "origin");
  return above.every((rung) => rung === "origin") ? { ladder } : { ladder, above };
}

/** Returns the rungs between region and people in the order in which they are asked. */
export function aboveOf({ ladder, above }: Ladder): readonly ("origin" | ExternalRung)[] {
  return ladder.includes("origin") ? (above ?? ["origin"]) : [];
}

/** Options that a decision takes, by System One and by OpenAI Decisions. */
export const optionsMax = 255;

/** Returns how many labels a rung can tell apart. */
export function labelsMaxOf({ kind }: ExternalRung): number {
  const isDecision = kind === "system-one" || kind === "openai-decisions" || kind === "workers-ai";
  return isDecision ? optionsMax : Number.POSITIVE_INFINITY;
}

/** Returns the external rungs of a ladder. */
export function externalRungsOf(policy: Ladder): ExternalRung[] {
  return aboveOf(policy).filter((rung) => rung !== "origin");
}

/** Tells whether a ladder has a rung with a price. */
export function hasPrice(policy: Ladder): boolean {
  return externalRungsOf(policy).some(({ price }) => isPriced(price));
}
