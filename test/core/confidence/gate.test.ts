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
    lives = 150,
  ): number {
    const random = seeded(23);
    let promoted = 0;
    for (let i = 0; i < lives; i++) if (gate(change(life(random, gain)), 0.1).promoted) promoted++;
    return promoted / lives;
  }

  it("promotes a candidate that is worse by the margin once in ten times at most, and a better one nearly always", () => {
    const atTheMargin = promotedShare(-0.002, undefined, 1_000);
    expect(atTheMargin).toBeLessThan(0.12);
    expect(atTheMargin).toBeGreaterThan(0.06);
    expect(promotedShare(-0.06)).toBeLessThan(0.005);
    expect(promotedShare(0.06)).toBeGreaterThan(0.95);
  });

  it("promotes far more candidates if rows of a cluster are treated as independent", () => {
    const ignored = promotedShare(-0.002, (compared) => compared.map((row, i) => ({ ...row, cluster: `${i}` })));
    expect(ignored).toBeGreaterThan(0.25);
  });

  // What moves little has little spread: a tenth of the way has a tenth of it.
  const shrunken = (share: number) => (compared: ComparedQuestion[]) =>
    compared.map((row) => ({ ...row, candidateLoss: row.currentLoss + share * (row.candidateLoss - row.currentLoss) }));

  it("promotes a small gain that is not significant where it is surely not harmful, and never a loss", () => {
    const promoted = promotedShare(0.01, shrunken(0.1));
    expect(promotedShare(0.01)).toBeLessThan(0.35);
    expect(promoted).toBeGreaterThan(0.65);
    const random = seeded(31);
    for (let i = 0; i < 200; i++) {
      const report = gate(shrunken(0.1)(life(random, 0)), 0.1);
      if (!report.promoted) continue;
      expect(report.difference).toBeLessThan(0);
      expect(report.bound).toBeLessThanOrEqual(0.002);
    }
  });

  it("gives its reason with figures", () => {
    const random = seeded(37);
    const reasonOf = (gain: number, share: number, current?: string) =>
      gate(shrunken(share)(life(random, gain)), 0.1, current).reason;
    const delta = /: Δ log-loss [−+]0\.\d{4} \(90% upper bound [−+]0\.\d{4}\)/;
    expect(reasonOf(0.2, 1)).toMatch(new RegExp(`^significantly better${delta.source}$`));
    const reasons = Array.from({ length: 100 }, () => [reasonOf(0.01, 1), reasonOf(0.01, 0.1)]).flat();
    const found = (text: string) => reasons.filter((reason) => reason.startsWith(text));
    expect(found("better, and surely not worse by more than the margin: Δ").length).toBeGreaterThan(0);
    const [worse] = found("possibly worse than the head in use: Δ");
    expect(worse).toMatch(new RegExp(`${delta.source}; at most \\+0\\.0020 is allowed$`));
    expect(reasonOf(-0.2, 1)).toMatch(new RegExp(`^the head in use is better or as good${delta.source}$`));
    expect(reasonOf(0.2, 0, "the global head")).toBe(
      "the global head is better or as good: Δ log-loss +0.0000 (90% upper bound +0.0000)",
    );
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

  it("refuses a candidate whose coverage surely falls, and not one whose coverage may have fallen by chance", () => {
    const random = seeded(43);
    // The head in use errs on one question of each cluster, so that all of them are covered at this risk.
    const risk = 1.001 / each;
    const withErrors = (errorsOf: (cluster: number) => number) =>
      life(random, 0.2).map((row, i) => {
        const confidence = 0.5 + 0.4 * random();
        const right = i % each >= errorsOf(Math.floor(i / each));
        return { ...row, current: { confidence, right: i % each > 0 }, candidate: { confidence, right } };
      });
    const oneMore = gate(
      withErrors((cluster) => (cluster === 7 ? 2 : 1)),
      risk,
    );
    expect(oneMore).toMatchObject({ promoted: true, currentCoverage: 1 });
    expect(oneMore.candidateCoverage).toBeLessThan(1);
    const many = gate(
      withErrors(() => 3),
      risk,
    );
    expect(many.reason).toMatch(/^coverage at 0\.08\d+ risk falls from 1\.000 to 0\.\d{3}$/);
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
