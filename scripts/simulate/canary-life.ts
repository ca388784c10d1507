import { decide } from "#core/confidence/canary.ts";
import { PairCounter } from "#core/confidence/pairs.ts";
import type { CanaryPlan, CanaryVerdict } from "#core/contract/index.ts";
import { decideSplit, MatchedBlocks } from "./canary-split.ts";
import { openWorld, type World } from "./canary-world.ts";

/** What a method decided, after how many labels. `continue`: nothing, up to the last label. */
export interface Outcome {
  decision: CanaryVerdict["decision"];
  labels: number;
}

/** One life of a canary, as each method judges it by the same labels. */
export interface Life {
  paired: Outcome;
  split: Outcome;
}

/** How labels come, and to whom the canary answers. */
export interface Labelling {
  /** The probability with which the label of a version's question is planned. */
  plannedShare: { stable: number; canary: number };
  /** The share of callers that the canary serves. */
  share: number;
}

/** A look comes after each hundredth of the labels, and at least this many. */
const leastStep = 5;

const allMethods: readonly (keyof Life)[] = ["paired", "split"];

/** Lives through a canary until the methods have decided, or `mostLabels` have come. */
export function live(
  world: World,
  { plannedShare, share }: Labelling,
  plan: CanaryPlan,
  mostLabels: number,
  random: () => number,
  methods = allMethods,
): Life {
  const ask = openWorld(world, random);
  const blocks = { errors: new MatchedBlocks(world.regions), escalated: new MatchedBlocks(world.regions) };
  const pairs = new PairCounter(Math.min(plannedShare.stable, plannedShare.canary));
  const found: Partial<Life> = {};
  let labels = 0;
  for (let nextLook = leastStep; labels < mostLabels && methods.some((method) => !found[method]); ) {
    const { region, group, stable, canary } = ask();
    const side = random() < share ? "canary" : "stable";
    if (random() >= plannedShare[side]) continue;
    labels++;
    const served = side === "canary" ? canary : stable;
    pairs.add({ inclusionProbability: plannedShare[side], group: String(group), stable, canary });
    blocks.escalated.add(region, side, Number(!served.accepted));
    // Where labels were planned, split callers were compared by the errors of what was accepted.
    if (plan.coverageMargin === null || served.accepted) blocks.errors.add(region, side, Number(served.isWrong));
    if (labels < nextLook) continue;
    nextLook = labels + Math.max(leastStep, Math.floor(labels / 100));
    for (const method of methods) {
      if (found[method]) continue;
      const decision = method === "paired" ? decide(pairs.sums, plan) : decideSplit(blocks, plan);
      if (decision !== "continue") found[method] = { decision, labels };
    }
  }
  const undecided: Outcome = { decision: "continue", labels };
  return { paired: found.paired ?? undecided, split: found.split ?? undecided };
}
