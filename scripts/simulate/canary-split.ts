import { isProven } from "#core/confidence/bounds.ts";
import type { CanaryPlan, CanaryVerdict } from "#core/contract/index.ts";

interface OpenBlock {
  stable: { n: number; sum: number };
  canary: { n: number; sum: number };
}

const emptyBlock = (): OpenBlock => ({ stable: { n: 0, sum: 0 }, canary: { n: 0, sum: 0 } });

/** The losses of callers who got one version or the other, in blocks of a region that close as soon as both are in them. */
export class MatchedBlocks {
  private blocks = 0;
  private sum = 0;
  private squares = 0;
  private readonly open: OpenBlock[];

  constructor(regions: number) {
    this.open = Array.from({ length: regions }, emptyBlock);
  }

  add(region: number, side: keyof OpenBlock, loss: number): void {
    const block = this.open[region] as OpenBlock;
    block[side].n++;
    block[side].sum += loss;
    const { stable, canary } = block;
    if (stable.n === 0 || canary.n === 0) return;
    const difference = canary.sum / canary.n - stable.sum / stable.n;
    this.blocks++;
    this.sum += difference;
    this.squares += difference ** 2;
    this.open[region] = emptyBlock();
  }

  /** Tells whether canary − stable, or with `sign` −1 stable − canary, is below `bound`. */
  isBelow(bound: number, delta: number, sign: 1 | -1 = 1): boolean {
    const sum = sign * this.sum;
    const gain = (bound * this.blocks - sum) / 2;
    const variance = (this.squares - 2 * bound * sum + bound ** 2 * this.blocks) / 4;
    return isProven({ gain, variance, risk: (bound + 1) / 2, minInclusionProbability: 1 }, delta);
  }
}

/** Decides about a canary as was done before, by callers of one version against callers of the other. */
export function decideSplit(
  { errors, escalated }: Record<"errors" | "escalated", MatchedBlocks>,
  { margin, coverageMargin, delta }: CanaryPlan,
): CanaryVerdict["decision"] {
  const level = coverageMargin === null ? delta : delta / 2;
  const isWithin = errors.isBelow(margin, level);
  if (isWithin && (coverageMargin === null || escalated.isBelow(coverageMargin, level))) return "promote";
  if (!isWithin && errors.isBelow(0, level, -1)) return "roll back";
  return coverageMargin !== null && escalated.isBelow(-coverageMargin, level, -1) ? "roll back" : "continue";
}
