import { describe, expect, it } from "vitest";
import { binomialTail } from "../../../workers/core/confidence/binomial.ts";
import { foldOf, isAudited, splitKey } from "../../../workers/core/confidence/folds.ts";
import { type Compared, gate } from "../../../workers/core/confidence/gate.ts";
import { mayJudge, replaces } from "../../../workers/core/confidence/labels.ts";
import {
  accepts,
  certifyRule,
  type Judged,
  thresholdGrid,
  tunedThreshold,
} from "../../../workers/core/confidence/rule.ts";
import { seeded } from "../../helpers/random.ts";

const window = { from: "2025-01-01", to: "2025-12-31" };
const options = { targetRisk: 0.1, delta: 0.05, source: "truth", scope: "global", window } as const;

describe("binomialTail", () => {
  it("equals the sum of its terms, and published values", () => {
    const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n, k - 1) * (n - k + 1)) / k);
    for (const [k, n, p] of [
      [0, 10, 0.1],
      [3, 20, 0.25],
      [12, 20, 0.5],
      [19, 20, 0.9],
    ] as const) {
      let sum = 0;
      for (let i = 0; i <= k; i++) sum += choose(n, i) * p ** i * (1 - p) ** (n - i);
      expect(binomialTail(k, n, p)).toBeCloseTo(sum, 12);
    }
    // Tables of the binomial distribution: n = 20, p = 0.1, k = 2; n = 100, p = 0.5, k = 40.
    expect(binomialTail(2, 20, 0.1)).toBeCloseTo(0.6769, 4);
    expect(binomialTail(40, 100, 0.5)).toBeCloseTo(0.0284, 4);
    expect(binomialTail(5, 5, 0.3)).toBe(1);
    expect(binomialTail(400, 100_000, 0.005)).toBeLessThan(1e-5);
  });
});

describe("the published rule", () => {
  // Confidence says the truth up to a shift: P(right) = confidence − 0.03.
  const draw = (random: () => number, n: number): Judged[] =>
    Array.from({ length: n }, () => {
      const confidence = 0.5 + random() / 2;
      return { confidence, right: random() < confidence - 0.03 };
    });
  // The true error above a threshold t, by the closed form of that world.
  const trueRisk = (t: number) => 1 - ((t + 1) / 2 - 0.03);

  it("is above the true risk in at most delta of many lives, and is issued in most", () => {
    const lives = 2_000;
    const random = seeded(17);
    let broken = 0;
    let issued = 0;
    for (let life = 0; life < lives; life++) {
      const rule = certifyRule(thresholdGrid(draw(random, 400)), draw(random, 2_500), { ...options, targetRisk: 0.15 });
      if (!rule.certificate) continue;
      issued++;
      if (trueRisk(rule.threshold) > 0.15) broken++;
    }
    const samplingError = 3 * Math.sqrt((0.05 * 0.95) / lives);
    expect(broken / lives).toBeLessThanOrEqual(0.05 + samplingError);
    expect(issued / lives).toBeGreaterThan(0.8);
  });

  it("accepts nothing, and certifies nothing, where even the surest are wrong too often", () => {
    const judged = draw(seeded(3), 2_000).map((question) => ({ ...question, right: false }));
    const rule = certifyRule(thresholdGrid(judged), judged, options);
    expect(rule.certificate).toBeNull();
    expect(accepts(rule, 1)).toBe(false);
  });

  it("says what its certificate rests on", () => {
    const judged = draw(seeded(4), 3_000).map((question) => ({ ...question, right: true }));
    const { certificate, threshold } = certifyRule(thresholdGrid(judged), judged, options);
    expect(certificate).toEqual({
      ...{
        targetRisk: 0.1,
        confidence: 0.95,
        bound: 0.1,
        coverage: 1,
        labels: 3_000,
        source: "truth",
        scope: "global",
      },
      window,
    });
    expect(judged.every(({ confidence }) => accepts({ threshold }, confidence))).toBe(true);
  });

  it("in a region starts at the laxest threshold that tune bears", () => {
    const judged: Judged[] = [0.9, 0.8, 0.7, 0.6].map((confidence, i) => ({ confidence, right: i !== 3 }));
    expect(tunedThreshold(thresholdGrid(judged), judged, 0.1)).toBe(0.7);
    expect(tunedThreshold([], [], 0.1)).toBeGreaterThan(1);
  });
});

describe("folds", () => {
  it("are 60, 20 and 20 in a hundred, by secret and region, and always the same", async () => {
    const counts = { train: 0, tune: 0, certify: 0 };
    for (let i = 0; i < 4_000; i++) counts[await foldOf("secret", "north", `q${i}`)]++;
    expect(counts.train / 4_000).toBeCloseTo(0.6, 1);
    expect(counts.tune / 4_000).toBeCloseTo(0.2, 1);
    expect(counts.certify / 4_000).toBeCloseTo(0.2, 1);
    const keys = Array.from({ length: 40 }, (_, i) => `q${i}`);
    const all = (secret: string, region: string) => Promise.all(keys.map((key) => foldOf(secret, region, key)));
    expect(await all("secret", "north")).toEqual(await all("secret", "north"));
    expect(await all("secret", "north")).not.toEqual(await all("other", "north"));
    expect(await all("secret", "north")).not.toEqual(await all("secret", "south"));
  });

  it("keep neighbours together: by question, by field, by block of days", () => {
    const day = 24 * 3600_000;
    const question = { id: "q", instance: { person: "ada", x: 1 }, at: 20 * day };
    expect(splitKey({ by: "question" }, question)).toBe("q");
    expect(splitKey({ by: "field", name: "person" }, question)).toBe("ada");
    expect(splitKey({ by: "field", name: "nobody" }, question)).toBe("q");
    expect(splitKey({ by: "time", days: 14 }, question)).toBe(
      splitKey({ by: "time", days: 14 }, { ...question, at: 27.9 * day }),
    );
    expect(splitKey({ by: "time", days: 14 }, question)).not.toBe(
      splitKey({ by: "time", days: 14 }, { ...question, at: 28 * day }),
    );
  });

  it("have nothing to do with the audit's coin, which falls at the set share", async () => {
    const ids = Array.from({ length: 4_000 }, (_, i) => `q${i}`);
    const audited = await Promise.all(ids.map((id) => isAudited("secret", id, 0.1)));
    const folds = await Promise.all(ids.map((id) => foldOf("secret", "north", id)));
    expect(audited.filter(Boolean).length / ids.length).toBeCloseTo(0.1, 1);
    const inTrain = folds.filter((fold, i) => audited[i] && fold === "train").length / audited.filter(Boolean).length;
    expect(inTrain).toBeGreaterThan(0.5);
    expect(inTrain).toBeLessThan(0.7);
    expect(await isAudited("secret", "q", 0)).toBe(false);
  });
});

describe("labels", () => {
  it("truth stands over human over origin, and the same source may correct itself", () => {
    expect([replaces("truth", "human"), replaces("human", "origin"), replaces("human", "human")]).toEqual([
      true,
      true,
      true,
    ]);
    expect([replaces("human", "truth"), replaces("origin", "human")]).toEqual([false, false]);
    expect([mayJudge("truth"), mayJudge("human"), mayJudge("origin")]).toEqual([true, true, false]);
  });
});

describe("the gate", () => {
  const clusters = 40;
  const each = 12;

  // Losses whose difference has a cluster's own part: rows of a cluster are not independent.
  function life(random: () => number, gain: number): Compared[] {
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Array.from({ length: clusters }, (_, cluster) => {
      const shared = 0.1 * normal();
      return Array.from({ length: each }, (): Compared => {
        const judged = { confidence: 0.8, right: true };
        const candidateLoss = 0.4 - gain + shared + 0.1 * normal();
        return { cluster: `c${cluster}`, currentLoss: 0.4, candidateLoss, current: judged, candidate: judged };
      });
    }).flat();
  }

  function promotedShare(gain: number, change: (compared: Compared[]) => Compared[] = (same) => same): number {
    const random = seeded(23);
    const lives = 1_000;
    let promoted = 0;
    for (let i = 0; i < lives; i++) if (gate(change(life(random, gain)), 0.1).promoted) promoted++;
    return promoted / lives;
  }

  it("lets through what is no better about once in ten times, and what is better nearly always", () => {
    expect(promotedShare(0)).toBeLessThan(0.14);
    expect(promotedShare(0)).toBeGreaterThan(0.06);
    expect(promotedShare(0.06)).toBeGreaterThan(0.95);
    expect(promotedShare(-0.06)).toBeLessThan(0.005);
  });

  it("would let through far more, were rows of a cluster taken for independent", () => {
    const ignored = promotedShare(0, (compared) => compared.map((row, i) => ({ ...row, cluster: `${i}` })));
    expect(ignored).toBeGreaterThan(0.25);
  });

  it("refuses what covers less at the target risk, and what too few groups speak for", () => {
    const random = seeded(29);
    const worse = life(random, 0.2).map((row, i) => ({
      ...row,
      candidate: { confidence: i % 2 ? 0.9 : 0.6, right: i % 3 > 0 },
    }));
    expect(gate(worse, 0.1)).toMatchObject({ promoted: false, reason: expect.stringContaining("coverage") });
    const few = life(random, 0.2).slice(0, 3 * each);
    expect(gate(few, 0.1)).toMatchObject({ promoted: false, reason: expect.stringContaining("3 independent groups") });
    expect(gate([], 0.1).promoted).toBe(false);
  });
});
