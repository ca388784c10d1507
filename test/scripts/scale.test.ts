import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "#scripts/local/process.ts";
import { loadAt } from "#scripts/simulate/scale/estimate.ts";
import { SimulatedIsolate } from "#scripts/simulate/scale/isolate.ts";
import type { ScaleResult } from "#scripts/simulate/scale/report.ts";
import { arrivals, rateAt, type World, zipfShares } from "#scripts/simulate/scale/traffic.ts";
import { runScript } from "./upriver.ts";

const world: World = {
  ...{ regions: 50, isolates: 12, perSecond: 60, peak: 1, atHome: 0.8, exponent: 1, daySeconds: 120, seed: 1 },
};
const needs = { escalated: 0.05, kept: 0.02, labelled: 0.02 };

describe("the traffic of a day", () => {
  it("has the rate of each time, and regions by Zipf's law", () => {
    const day = { ...world, peak: 1.8 };
    const seconds = [...arrivals(day)];
    const all = seconds.flat();
    expect(all.length / (day.perSecond * day.daySeconds)).toBeCloseTo(1, 1);
    expect(rateAt(day, 60) / rateAt(day, 0)).toBeCloseTo(1.8 / 0.2, 9);
    const first = all.filter(({ region }) => region === 0).length / all.length;
    expect(Math.abs(first - (zipfShares(day)[0] as number))).toBeLessThan(0.02);
  });
});

describe("the estimate", () => {
  it("says of its rate what simulated isolates do", () => {
    const isolates = Array.from({ length: world.isolates }, (_, i) => new SimulatedIsolate(String(i)));
    const served = { baseOf: () => 1, revisionOf: () => 1 };
    let [batches, rows] = [0, 0];
    for (const [second, now] of [...arrivals(world)].entries()) {
      for (const { atMs, isolate, region } of now) {
        for (const one of isolates) sent(one.flush(atMs));
        isolates[isolate]?.ask(region, atMs, true, served);
      }
      for (const one of isolates) sent(one.flush((second + 1) * 1_000));
    }
    function sent(batch: ReturnType<SimulatedIsolate["flush"]>): void {
      if (!batch) return;
      batches++;
      rows += batch.rows.length;
    }
    const load = loadAt(world, needs, world.perSecond);
    const kvReads = isolates.reduce((sum, { tally }) => sum + tally.kvReads, 0);
    for (const [counted, estimated] of [
      [batches, load.batches],
      [rows, load.batchRows],
      [kvReads, load.kvReads],
    ] as const) {
      expect(counted / world.daySeconds / estimated).toBeGreaterThan(0.9);
      expect(counted / world.daySeconds / estimated).toBeLessThan(1.1);
    }
  });
});

it("npm run simulate -- scale plays a day on real objects and counts what is billed", async () => {
  const options = "--regions 8 --isolates 3 --per-second 15 --seconds 24 --real 0 --json".split(" ");
  const { stdout, stderr, status } = await runScript(join(root, "scripts/simulate.ts"), ["scale", ...options]);
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  const { asked, total, busiest, hours } = JSON.parse(stdout) as ScaleResult;
  expect(asked).toMatchObject({ failed: 0 });
  expect(asked.questions).toBeGreaterThan(200);
  expect(total.workerRequests).toBe(asked.questions);
  // Each escalated question is written; three versions reach KV.
  expect(total.rowsWritten).toBeGreaterThan(5 * asked.escalated);
  expect(total.kvWrites).toBeGreaterThanOrEqual(3);
  expect(busiest.map(({ object }) => object)).toContain("REGISTRY scale");
  expect(hours).toHaveLength(24);
});
