import { describe, expect, it } from "vitest";
import { type ComparedQuestion, gate } from "#core/confidence/gate.ts";
import { seeded } from "#test/helpers/random.ts";

describe("the gate", () => {
  const clusters = 40;
  const each = 12;

  // Losses whose difference has a cluster's own part: rows of a cluster are not independent.
  function life(random: () => number, gain: number): ComparedQuestion[] {
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Array.from({ length: clusters }, (_, cluster) => {
      const shared = 0.1 * normal();
      return Array.from({ length: each }, (): ComparedQuestion => {
        const judged = { confidence: 0.8, right: true };
        const candidateLoss = 0.4 - gain + shared + 0.1 * normal();
        return { cluster: `c${cluster}`, currentLoss: 0.4, candidateLoss, current: judged, candidate: judged };
      });
    }).flat();
  }

  function promotedShare(
    gain: number,
    change: (compared: ComparedQuestion[]) => ComparedQuestion[] = (same) => same,
  ): number {
    const random = seeded(23);
    const lives = 1_000;
    let promoted = 0;
    for (let i = 0; i < lives; i++) if (gate(change(life(random, gain)), 0.1).promoted) promoted++;
    return promoted / lives;
  }

  it("passes a candidate that is not better about once in ten times, and a better one nearly always", () => {
    expect(promotedShare(0)).toBeLessThan(0.14);
    expect(promotedShare(0)).toBeGreaterThan(0.06);
    expect(promotedShare(0.06)).toBeGreaterThan(0.95);
    expect(promotedShare(-0.06)).toBeLessThan(0.005);
  });

  it("passes far more candidates if rows of a cluster are treated as independent", () => {
    const ignored = promotedShare(0, (compared) => compared.map((row, i) => ({ ...row, cluster: `${i}` })));
    expect(ignored).toBeGreaterThan(0.25);
  });

  it("equals the textbook bound where every question is its own cluster", () => {
    const random = seeded(41);
    const compared = life(random, 0.02)
      .slice(0, 9)
      .map((row, i) => ({ ...row, cluster: `${i}` }));
    const differences = compared.map(({ candidateLoss, currentLoss }) => candidateLoss - currentLoss);
    const mean = differences.reduce((a, b) => a + b) / 9;
    const variance = differences.reduce((sum, difference) => sum + (difference - mean) ** 2, 0) / 8;
    const report = gate(compared, 0.1);
    expect(report.difference).toBeCloseTo(mean, 12);
    // 1.2816: the 90% point of the normal distribution.
    expect(report.bound).toBeCloseTo(mean + 1.281552 * Math.sqrt(variance / 9), 6);
    expect(report).toMatchObject({ questions: 9, clusters: 9 });
  });

  it("refuses a candidate with less coverage at the target risk, and one judged by too few groups", () => {
    const random = seeded(29);
    const worse = life(random, 0.2).map((row, i) => ({
      ...row,
      candidate: { confidence: i % 2 ? 0.9 : 0.6, right: i % 3 > 0 },
    }));
    expect(gate(worse, 0.1)).toMatchObject({ promoted: false, reason: expect.stringContaining("coverage") });
    const few = life(random, 0.2).slice(0, 3 * each);
    expect(gate(few, 0.1)).toMatchObject({
      promoted: false,
      reason: expect.stringContaining("too few independent groups of held-out labels: 3 of 5"),
    });
    expect(gate([], 0.1).promoted).toBe(false);
  });
});
