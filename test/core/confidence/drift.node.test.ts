import { describe, expect, it } from "vitest";
import {
  addCluster,
  addClusterMoments,
  type ClusterMoments,
  type ClusterSum,
  driftTest,
  emptyClusterMoments,
  monthlyLevel,
} from "#core/confidence/drift.ts";
import { fTail } from "#core/confidence/f-tail.ts";
import { largestShare } from "#test/helpers/chance.ts";
import { seeded } from "#test/helpers/random.ts";

const width = 10;
const lives = 300;

interface World {
  clusters: number;
  /** Questions of a cluster, before the audit's coin. */
  size: number;
  audit: number;
  shift?: number;
}

function momentsOf(clusters: readonly ClusterSum[], d = width): ClusterMoments {
  const moments = emptyClusterMoments(d);
  for (const cluster of clusters) addCluster(moments, cluster);
  return moments;
}

function normals(random: () => number): () => number {
  let other: number | null = null;
  // Box and Muller's method makes two at a time.
  return () => {
    if (other !== null) {
      const value = other;
      other = null;
      return value;
    }
    const [radius, angle] = [Math.sqrt(-2 * Math.log(1 - random())), 2 * Math.PI * random()];
    other = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

/**
 * Questions of a cluster share a part of their own and follow one another (AR(1), 0.6). Those of low confidence are all
 * labelled, the others by an audit: weights are 1/π. Each question by itself comes back, too.
 */
function draw(random: () => number, { clusters, size, audit, shift = 0 }: World) {
  const normal = normals(random);
  const questions: ClusterSum[] = [];
  const sums = Array.from({ length: clusters }, (): ClusterSum => {
    const shared = Array.from({ length: width }, (_, i) => (0.6 + 1.2 / (1 + i)) * normal() + (i === 1 ? shift : 0));
    const sum = new Array<number>(width).fill(0);
    let own = shared.map(normal);
    let weight = 0;
    for (let q = 0; q < size; q++) {
      own = own.map((value) => 0.6 * value + 0.8 * normal());
      const embedding = own.map((value, i) => value + (shared[i] as number));
      const inclusionProbability = (embedding[0] as number) < -0.8 ? 1 : audit;
      if (random() >= inclusionProbability) continue;
      weight += 1 / inclusionProbability;
      for (let i = 0; i < width; i++) sum[i] = (sum[i] as number) + (embedding[i] as number) / inclusionProbability;
      questions.push({ weight: 1 / inclusionProbability, sum: embedding.map((value) => value / inclusionProbability) });
    }
    return { weight, sum };
  });
  return { sums, questions };
}

function alarmShare(
  seed: number,
  before: World,
  now: World,
  { unit = "sums" as "sums" | "questions", count = lives } = {},
) {
  const random = seeded(seed);
  let alarms = 0;
  for (let life = 0; life < count; life++) {
    const reference = momentsOf(draw(random, before)[unit]);
    if (driftTest(reference, momentsOf(draw(random, now)[unit]), monthlyLevel)?.alarm) alarms++;
  }
  return alarms / count;
}

const level = largestShare(lives, monthlyLevel);
/** Shares that are far from the level. */
const count = 80;
const reference: World = { clusters: 36, size: 14, audit: 0.2 };

describe("the drift test", () => {
  it("alarms no more often than its level where nothing changed", () => {
    expect(alarmShare(5, reference, { ...reference, clusters: 12 })).toBeLessThanOrEqual(level);
    // A month of 14-day blocks is two or three clusters.
    const blocks = { ...reference, audit: 1 };
    expect(alarmShare(6, blocks, { ...blocks, clusters: 3 })).toBeLessThanOrEqual(level);
    // Fewer questions and rarer audits: the recent mean is noisier than the reference would have it.
    const sparse = { clusters: 14, size: 7, audit: 0.1 };
    expect(alarmShare(7, reference, sparse)).toBeLessThanOrEqual(level);
    const scattered = { clusters: 300, size: 1, audit: 0.2 };
    expect(alarmShare(8, scattered, { ...scattered, clusters: 80 })).toBeLessThanOrEqual(level);
  });

  it("alarms far more often if questions of a cluster are treated as independent", () => {
    expect(alarmShare(5, reference, { ...reference, clusters: 12 }, { unit: "questions", count })).toBeGreaterThan(0.3);
  });

  it("sees a planted shift of the mean", () => {
    const recent = { ...reference, clusters: 12 };
    const shares = [1, 2, 3].map((shift) => alarmShare(9, reference, { ...recent, shift }, { count }));
    expect(shares[2]).toBeGreaterThan(0.9);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
  });

  it("equals the textbook's two-sample T² for clusters of equal weight and enough axes", () => {
    const normal = normals(seeded(11));
    const rows = (n: number, shift: number) =>
      Array.from({ length: n }, () => [normal() + shift, 2 * normal()] as [number, number]);
    const [before, now] = [rows(12, 0), rows(9, 1)];
    const mean = (r: number[][], i: number) => r.reduce((sum, row) => sum + (row[i] as number), 0) / r.length;
    const scatter = (r: number[][], i: number, j: number) =>
      r.reduce((sum, row) => sum + ((row[i] as number) - mean(r, i)) * ((row[j] as number) - mean(r, j)), 0);
    const pooled = (i: number, j: number) => ((scatter(before, i, j) + scatter(now, i, j)) / 19) * (1 / 12 + 1 / 9);
    const [a, b, c] = [pooled(0, 0), pooled(0, 1), pooled(1, 1)];
    const [x, y] = [mean(now, 0) - mean(before, 0), mean(now, 1) - mean(before, 1)];
    const expected = (c * x * x - 2 * b * x * y + a * y * y) / (a * c - b * b);
    // The sample that spreads more has its variance raised: here to no more than 1.5 times.
    const asClusters = (r: number[][]) =>
      momentsOf(
        r.map((sum) => ({ weight: 1, sum })),
        2,
      );
    const test = driftTest(asClusters(before), asClusters(now), 0.05);
    expect(test?.dimensions).toBe(2);
    expect(test?.statistic).toBeLessThanOrEqual(expected + 1e-9);
    expect(test?.statistic).toBeGreaterThan(expected / 1.5);
    expect(test?.p).toBeCloseTo(fTail(((test?.statistic as number) * 18) / (2 * 19), 2, 18), 10);
    // F(2, 18) at 0.05: 3.555.
    expect(test?.threshold).toBeCloseTo((3.5546 * 2 * 19) / 18, 3);
  });

  it("rotates with the embedding, and does not depend on its scale or origin", () => {
    const random = seeded(12);
    const [before, now] = [draw(random, reference).sums, draw(random, { ...reference, clusters: 10, shift: 1 }).sums];
    const turned = (clusters: readonly ClusterSum[]) =>
      momentsOf(
        clusters.map(({ weight, sum }) => ({
          weight,
          sum: Array.from(sum, (_, i) => 300 * (sum[width - 1 - i] as number) + 4_000 * weight),
        })),
      );
    const plain = driftTest(momentsOf(before), momentsOf(now), monthlyLevel);
    const other = driftTest(turned(before), turned(now), monthlyLevel);
    expect(other?.statistic).toBeCloseTo(plain?.statistic as number, 6);
    expect(plain?.dimensions).toBe(8);
  });

  it("compares at most as many axes as there are clusters for, and none without variance", () => {
    const random = seeded(13);
    const { sums } = draw(random, { clusters: 16, size: 14, audit: 1 });
    const test = driftTest(momentsOf(sums.slice(0, 13)), momentsOf(sums.slice(13)), monthlyLevel);
    expect(test?.dimensions).toBe(4);
    const flat = sums.map(({ weight, sum }) => ({
      weight,
      sum: Array.from(sum, (value, i) => (i < 2 ? value : 7 * weight)),
    }));
    expect(driftTest(momentsOf(flat.slice(0, 13)), momentsOf(flat.slice(13)), monthlyLevel)?.dimensions).toBe(2);
  });

  it("returns null for too few clusters, a dominant cluster, or no variance", () => {
    const { sums } = draw(seeded(14), { clusters: 20, size: 14, audit: 1 });
    const many = momentsOf(sums);
    const one = sums[0] as ClusterSum;
    const heavy = { weight: 1_000 * one.weight, sum: Array.from(one.sum, (value) => 1_000 * value) };
    const same = sums.map(({ weight }) => ({ weight, sum: new Array<number>(width).fill(weight) }));
    expect(driftTest(many, emptyClusterMoments(width), monthlyLevel)).toBeNull();
    expect(driftTest(many, momentsOf([one]), monthlyLevel)).toBeNull();
    expect(driftTest(many, momentsOf([heavy, ...sums.slice(1)]), monthlyLevel)).toBeNull();
    expect(driftTest(emptyClusterMoments(width), many, monthlyLevel)).toBeNull();
    expect(driftTest(momentsOf(same), momentsOf(same), monthlyLevel)).toBeNull();
  });
});

describe("moments", () => {
  const { sums } = draw(seeded(15), { clusters: 40, size: 10, audit: 0.3 });

  it("add up to the same in any order and partition", () => {
    const whole = momentsOf(sums);
    const backwards = momentsOf([...sums].reverse());
    const parts = addClusterMoments(momentsOf(sums.slice(0, 7)), momentsOf(sums.slice(7)));
    for (const other of [backwards, parts, JSON.parse(JSON.stringify(whole)) as ClusterMoments]) {
      expect(other.clusters).toBe(whole.clusters);
      for (const key of ["weight", "weightSquares"] as const) expect(other[key]).toBeCloseTo(whole[key], 8);
      for (const key of ["sum", "weightedSum", "products"] as const) {
        other[key].forEach((value, i) => void expect(value).toBeCloseTo(whole[key][i] as number, 6));
      }
    }
  });

  it("are exact where sums and weights are whole numbers", () => {
    const whole = sums.map(({ weight, sum }) => ({
      weight: Math.round(weight),
      sum: Array.from(sum, (value) => Math.round(1_000 * value)),
    }));
    expect(momentsOf([...whole].reverse())).toEqual(momentsOf(whole));
    expect(addClusterMoments(momentsOf(whole.slice(20)), momentsOf(whole.slice(0, 20)))).toEqual(momentsOf(whole));
  });

  it("leave out clusters without weight, and refuse another width", () => {
    const moments = momentsOf([{ weight: 0, sum: new Array(width).fill(0) }]);
    expect(moments).toEqual(emptyClusterMoments(width));
    expect(() => addCluster(moments, { weight: 1, sum: [1, 2] })).toThrow("embeddings must have width 10; received 2");
    expect(() => addClusterMoments(moments, emptyClusterMoments(3))).toThrow(RangeError);
    expect(() => driftTest(moments, emptyClusterMoments(3), monthlyLevel)).toThrow(RangeError);
  });
});
