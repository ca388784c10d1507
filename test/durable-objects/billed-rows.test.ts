import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { medianBilledRows } from "../helpers/billed-rows.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const batchSize = 50;
const fault = (kind: string) => fetch(`${env.NEXT_RUNG_URL}/fault/billed/${kind}`, { method: "PUT" });
const models = ["billed", "billed-kept", "billed-open"];

beforeAll(async () => {
  for (const model of models) await publish({ model });
  // The first question of a region schedules the region's jobs.
  for (const model of models) await ask(model, { instance: instance() });
});

const rowsOf = (work: (n: number) => Promise<unknown>) => medianBilledRows(3, work);

async function askBatch(model: string, n: number): Promise<void> {
  const instances = Array.from({ length: batchSize }, (_, i) => instance(1_000 * (n + 1) + i));
  await expectOk(call("POST", `/v1/models/${model}/ask`, { body: { instances } }));
}

describe("the rows that a region bills", () => {
  it("of a question that the origin answers are five, and they set no alarm", async () => {
    const rows = await rowsOf((n) => ask("billed", { instance: instance(n) }));
    expect(rows.rowsWritten).toBeLessThanOrEqual(5);
    expect(rows.rowsRead).toBeLessThanOrEqual(12);
    expect(rows.alarms).toBe(0);
  });

  it("of a batch that the origin answers are three a question, and some of the batch", async () => {
    const rows = await rowsOf((n) => askBatch("billed", n));
    expect(rows.rowsWritten).toBeLessThanOrEqual(3 * batchSize + 2);
    expect(rows.rowsRead).toBeLessThanOrEqual(4 * batchSize + 12);
    expect(rows.alarms).toBe(0);
  });

  it("of a question that is kept with its answer are three, of a batch two a question", async () => {
    const one = await rowsOf((n) => ask("billed-kept", { instance: instance(n) }));
    expect(one.rowsWritten).toBeLessThanOrEqual(3);
    expect(one.alarms).toBe(0);
    const batch = await rowsOf((n) => askBatch("billed-kept", n));
    expect(batch.rowsWritten).toBeLessThanOrEqual(2 * batchSize + 1);
    expect(batch.rowsRead).toBeLessThanOrEqual(3 * batchSize + 12);
  });

  it("of a question that stays open, since the origin is down, are its next try, a job and an alarm more", async () => {
    await fault("down");
    try {
      const rows = await rowsOf((n) => ask("billed", { instance: instance(100 + n) }));
      expect(rows.rowsWritten).toBeLessThanOrEqual(9);
      expect(rows.alarms).toBeLessThanOrEqual(1);
    } finally {
      await fault("none");
    }
  });

  it("of a label are its sample, its embedding and what it proves", async () => {
    const answers = await Promise.all([1, 2, 3].map((n) => ask("billed", { instance: instance(200 + n) })));
    const rows = await rowsOf(async (n) => {
      const truths = [{ id: answers[n]?.id, label: "a" }];
      await expectOk(call("POST", "/v1/models/billed/truths", { body: { truths } }));
    });
    // Two are the audit log's.
    expect(rows.rowsWritten).toBeLessThanOrEqual(9);
    expect(rows.rowsRead).toBeLessThanOrEqual(40);
  });

  it("of a question that a person answers are bounded, with those of the queue", async () => {
    const region = new TestRegion("billed-open");
    const rows = await rowsOf(async (n) => {
      const { id } = await ask("billed-open", { instance: instance(n) });
      await eventually(() => region.inside((_, { storage }) => isInReview(storage.sql, id)));
      await expectOk(call("POST", `/v1/questions/${id}/answer`, { body: { label: "a" } }));
    });
    expect(rows.rowsWritten).toBeLessThanOrEqual(50);
  });
});

function isInReview(sql: SqlStorage, id: string): void {
  expect(sql.exec("SELECT id FROM questions WHERE id = ? AND inReview = 1", id).toArray()).toHaveLength(1);
}
