import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, expect, it } from "vitest";
import { costsOf, usage } from "#core/cost.ts";
import { noCounts } from "#core/counts.ts";
import { medianBilledRows } from "../helpers/billed-rows.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";

/** Within a fifth. */
function near(measured: number, counted: number): void {
  expect(measured).toBeGreaterThan(counted * 0.8);
  expect(measured).toBeLessThan(counted * 1.2);
}

beforeAll(async () => {
  for (const model of ["hard", "open"]) await publish({ model });
  // The first question of a region schedules the region's jobs.
  for (const model of ["hard", "open"]) await ask(model, { instance: instance() });
});

it("writes as many rows for an escalated question as its cost counts", async () => {
  const { rowsWritten, rowsRead } = await medianBilledRows(3, (n) => ask("hard", { instance: instance(n) }));
  near(rowsWritten, usage.escalated.rowsWritten);
  near(rowsRead, usage.escalated.rowsRead);
});

it("so does one that a person answers", async () => {
  const { rowsWritten, rowsRead } = await medianBilledRows(3, async (n, uncounted) => {
    const { id } = await ask("open", { instance: instance(n) });
    // The first one waits all the time. How often this looks depends on the machine: it must not count.
    const waiting = () =>
      runInDurableObject(env.REVIEW.get(env.REVIEW.idFromName("open")), (_, { storage }) =>
        uncounted(storage.sql, "SELECT id FROM queue WHERE label IS NULL").toArray(),
      );
    await eventually(async () => expect(await waiting()).toHaveLength(2));
    await expectOk(call("GET", "/v1/models/open/review?limit=2"));
    await expectOk(call("POST", `/v1/questions/${id}/answer`, { body: { label: "a" } }));
  });
  const { escalated, reviewed } = usage;
  near(rowsWritten, escalated.rowsWritten + reviewed.rowsWritten);
  near(rowsRead, escalated.rowsRead + reviewed.rowsRead);
});

it("adds up to Cloudflare's prices", () => {
  const counts = { ...noCounts(), requests: 10, questions: 10, escalated: 2, calls: 2 };
  counts.rungs.origin = { ...counts.rungs.origin, answered: 2, latencyMs: 40 };
  const costs = costsOf(counts);
  const edge = 0.3 + 0.02 * usage.edgeCpuMs;
  const region = edge + 0.15 + usage.escalated.rowsWritten + usage.escalated.rowsRead * 0.001;
  expect(costs.edge).toBeCloseTo(edge, 9);
  expect(costs.region).toBeCloseTo(region, 9);
  // 20 ms of 128 MB.
  const origin = region + 0.02 * 0.125 * 12.5;
  expect(costs.origin).toBeCloseTo(origin, 9);
  expect(costs.human).toBeCloseTo(
    origin + 6 * 0.15 + 2 * 0.3 + usage.reviewed.rowsWritten + usage.reviewed.rowsRead * 0.001,
    9,
  );
  expect(costsOf(noCounts())).toEqual({ edge: null, region: null, origin: null, human: null });
});
