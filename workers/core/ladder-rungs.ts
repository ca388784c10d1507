import { type Counts, type LadderRung, type RungName, rungs } from "./contract/index.ts";
import { costsOf } from "./cost.ts";
import { latencyQuantile } from "./counts.ts";

/**
 * Summarises what each rung of a ladder did. A question that a rung did not answer counts as escalated to the next one;
 * an answer that was not accepted, but had no rung above it, counts as the answer of its rung.
 */
export function ladderRungs(ladder: readonly RungName[], counts: Counts): LadderRung[] {
  const costs = costsOf(counts);
  let left = counts.questions;
  return rungs.flatMap((rung): LadderRung[] => {
    const own = counts.rungs[rung];
    if (!ladder.includes(rung) && own.answered === 0) return [];
    const asked = left;
    left -= own.answered;
    const judged = own.right + own.wrong;
    return [
      {
        ...{ rung, asked, answered: own.answered, passed: left, judged },
        share: counts.questions === 0 ? null : own.answered / counts.questions,
        accuracy: judged === 0 ? null : own.right / judged,
        p50Ms: latencyQuantile(own, 0.5),
        p99Ms: latencyQuantile(own, 0.99),
        usdPerMillion: asked === 0 ? null : costs[rung],
      },
    ];
  });
}
