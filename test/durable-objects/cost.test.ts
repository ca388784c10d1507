import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, expect, it } from "vitest";
import { costsOf, usage } from "#core/cost.ts";
import { noCounts } from "#core/counts.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

type Exec = SqlStorage["exec"];

interface Rows {
  rowsWritten: number;
  rowsRead: number;
}

/** Counts the rows that all objects of this isolate read and write while something is done. */
async function rowsOf(work: (exec: Exec) => Promise<unknown>): Promise<Rows> {
  const { prototype } = await new TestRegion("hard").inside((_, { storage }) => storage.sql.constructor);
  const exec = prototype.exec as Exec;
  const cursors: Rows[] = [];
  prototype.exec = function (this: SqlStorage, ...given: Parameters<Exec>) {
    const cursor = exec.apply(this, given);
    cursors.push(cursor);
    return cursor;
  };
  try {
    await work(exec);
  } finally {
    prototype.exec = exec;
  }
  const sum = (key: keyof Rows) => cursors.reduce((total, cursor) => total + cursor[key], 0);
  return { rowsWritten: sum("rowsWritten"), rowsRead: sum("rowsRead") };
}

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

/** The middle of some measures: an alarm that rings in between is not the question's. */
async function medianRows(work: (n: number, uncounted: Exec) => Promise<unknown>): Promise<Rows> {
  const all: Rows[] = [];
  for (let n = 0; n < 5; n++) all.push(await rowsOf((exec) => work(n, exec)));
  const middle = (key: keyof Rows) => all.map((rows) => rows[key]).sort((a, b) => a - b)[2] as number;
  return { rowsWritten: middle("rowsWritten"), rowsRead: middle("rowsRead") };
}

it("writes as many rows for an escalated question as its cost counts", async () => {
  const { rowsWritten, rowsRead } = await medianRows((n) => ask("hard", { instance: instance(n) }));
  near(rowsWritten, usage.escalated.rowsWritten);
  near(rowsRead, usage.escalated.rowsRead);
});

it("so does one that a person answers", async () => {
  const { rowsWritten, rowsRead } = await medianRows(async (n, uncounted) => {
    const { id } = await ask("open", { instance: instance(n) });
    // The first one waits all the time. How often this looks depends on the machine: it must not count.
    const waiting = () =>
      runInDurableObject(env.REVIEW.get(env.REVIEW.idFromName("open")), (_, { storage }) =>
        uncounted.call(storage.sql, "SELECT id FROM queue WHERE label IS NULL").toArray(),
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
