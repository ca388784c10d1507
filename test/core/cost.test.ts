import { describe, expect, it } from "vitest";
import { billOf, type Deployment, freePlanMost, freePlanUse } from "#core/cost/bill.ts";
import { costsOf, operations, usdOf, usdPerMillion, waiting } from "#core/cost/index.ts";
import { objectGb, paidUsdPerMonth, prices } from "#core/cost/prices.ts";
import { noCounts } from "#core/counts.ts";
import { ladderRungs } from "#core/ladder-rungs.ts";

const edge = 0.3 + 0.02 * operations.edge.workerCpuMs;

describe("the cost of a million questions", () => {
  it("is that of the region where every question escalated, though the edge's answers were given in the end", () => {
    const counts = { ...noCounts(), requests: 1_000, questions: 1_000, escalated: 1_000, calls: 1_000 };
    counts.rungs.edge = { ...counts.rungs.edge, answered: 1_000 };
    const rungs = ladderRungs(["edge", "region"], counts);
    const region = edge + 1e6 * usdOf(operations.region);
    expect(usdPerMillion(counts, 0)).toBeCloseTo(region, 9);
    expect(region).toBeGreaterThan(4);
    expect(rungs[0]).toMatchObject({ rung: "edge", answered: 1_000, passed: 1_000 });
    expect(rungs[1]).toMatchObject({
      rung: "region",
      asked: 1_000,
      answered: 0,
      usdPerMillion: expect.closeTo(region, 9),
    });
  });

  it("has the wait for the origin, people, and calls that questions of a batch share", () => {
    const counts = { ...noCounts(), requests: 10, questions: 10, escalated: 4, calls: 1 };
    counts.rungs.origin = { ...counts.rungs.origin, answered: 4, latencyMs: 80 };
    const costs = costsOf(counts);
    const saved = (0.75 * prices.objectRequests.usdPerMillion) as number;
    const origin = edge + 1e6 * usdOf(operations.origin) + 0.02 * objectGb * 12.5 - saved;
    expect(costs.origin).toBeCloseTo(origin, 9);
    expect(costs.human).toBeCloseTo(origin + 1e6 * usdOf(operations.reviewed), 9);
    expect(costsOf(noCounts())).toEqual({ edge: null, region: null, origin: null, human: null });
    const above = 0.4 * (origin - edge);
    expect(usdPerMillion(counts, 0)).toBeCloseTo(edge + above, 9);
    expect(usdPerMillion(counts, 1)).toBeCloseTo(edge + above + 0.6 * 1e6 * usdOf(operations.kept), 9);
    expect(usdPerMillion(noCounts(), 1)).toBeNull();
  });

  it("has the batches in which isolates sent their counts", () => {
    const counts = { ...noCounts(), requests: 2, questions: 2, batches: 1, batchRows: 2 };
    const flush = usdOf(operations.flush) + 2 * usdOf(operations.flushRow);
    expect(costsOf(counts).edge).toBeCloseTo(edge + (1e6 * flush) / 2, 9);
  });
});

describe("waiting", () => {
  it("costs its time where requests come one by one, and what an object costs where there is always one", () => {
    const seconds = (ms: number, perSecond?: number) => (waiting(ms, perSecond).objectGbSeconds ?? 0) / objectGb;
    expect(seconds(200)).toBe(0.2);
    expect(seconds(200, 1e-9)).toBeCloseTo(0.2, 6);
    expect(seconds(200, 1_000)).toBeCloseTo(1 / 1_000, 12);
    // A tenth of a second each, ten a second: waited for in 1 − 1/e of the time.
    expect(10 * seconds(100, 10)).toBeCloseTo(1 - Math.exp(-1), 12);
  });
});

describe("a deployment", () => {
  const idle: Deployment = {
    ...{ questionsPerDay: 0, hoursPerDay: 24, isolates: 1, regionsPerIsolate: 1, regions: 1, kept: 0, waitMs: 0 },
    ...{ ended: { region: 0, origin: 0, decision: 0 }, reviewed: 0, taught: 0, retrains: 0, samples: 0, versions: 0 },
    consoleHours: 0,
  };

  it("costs the plan while it uses no more than that includes, and the list price beyond", () => {
    expect(billOf(idle)).toMatchObject({ usd: paidUsdPerMonth, items: {} });
    // 60 million requests in a month, 10 of them included.
    const { items } = billOf({ ...idle, questionsPerDay: 2e6 });
    expect(items.workerRequests).toBeCloseTo(50 * 0.3, 9);
    expect(items.workerCpuMs).toBeCloseTo((60 * operations.edge.workerCpuMs - 30) * 0.02, 9);
  });

  it("runs on the free plan up to its first limit", () => {
    const { questionsPerDay, limit } = freePlanMost({ ...idle, ended: { region: 1, origin: 0, decision: 0 } });
    expect(limit).toBe("rowsWritten");
    const used = freePlanUse({ ...idle, questionsPerDay, ended: { region: 1, origin: 0, decision: 0 } });
    expect(used.rowsWritten).toBeCloseTo(1, 3);
    expect(questionsPerDay * operations.region.rowsWritten).toBeLessThan(100_000);
  });
});
