import { type Counts, type LadderRung, type RungName, rungs } from "./contract/index.ts";
import { costsOf } from "./cost/index.ts";
import { latencyQuantile } from "./counts.ts";

/**
 * Summarises what each rung of a ladder did. A question that a rung did not answer counts as escalated to the next one;
 * an answer that was not accepted, but had no rung above it, counts as the answer of its rung. A question that reached the region
 * counts as escalated even if the edge's answer was returned: it costs the same.
 */
export function ladderRungs(ladder: readonly RungName[], counts: Counts): LadderRung[] {
  const costs = costsOf(counts);
  let left = counts.questions;
  return rungs.flatMap((rung): LadderRung[] => {
    const own = counts.rungs[rung];
    if (!ladder.includes(rung) && own.answered === 0) return [];
    // A region that ends a question with the edge's answer was asked all the same.
    const asked = rung === "region" ? Math.max(left, counts.escalated) : left;
    left -= own.answered;
    const passed = rung === "edge" && ladder.includes("region") ? Math.max(left, counts.escalated) : left;
    const judged = own.right + own.wrong;
    return [
      {
        ...{ rung, asked, answered: own.answered, passed, judged },
        share: counts.questions === 0 ? null : own.answered / counts.questions,
        accuracy: judged === 0 ? null : own.right / judged,
        p50Ms: latencyQuantile(own, 0.5),
        p99Ms: latencyQuantile(own, 0.99),
        usdPerMillion: asked === 0 ? null : costs[rung],
      },
    ];
  });
}
