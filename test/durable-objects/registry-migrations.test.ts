import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { report, startLease } from "#core/budget/lease.ts";
import { monthOf } from "#core/budget/month.ts";
import { noCounts } from "#core/counts.ts";
import { migrate } from "#objects/migrate.ts";
import { migrations } from "#objects/registry/migrations.ts";
import { Spendings } from "#objects/registry/spendings.ts";
import { Canaries } from "#objects/registry/tables/canaries.ts";
import { EdgeCounts } from "#objects/registry/tables/edge-counts.ts";
import { Ledger } from "#objects/registry/tables/ledger.ts";

describe("a registry's state of an earlier release", () => {
  it("keeps its canaries and how they ended, without what split callers were compared by", async () => {
    const stub = env.REGISTRY.get(env.REGISTRY.idFromName("migrated"));
    const canaries = await runInDurableObject(stub, async (_, { storage }) => {
      await storage.deleteAll();
      migrate(storage, migrations.slice(0, 3));
      const { sql } = storage;
      const planOf = (errorsOf: string) =>
        JSON.stringify({ errorsOf, margin: 0.02, coverageMargin: 0.05, delta: 0.05 });
      const verdict = {
        decision: "continue",
        reason: "…",
        error: { mean: 0, lower: -1, upper: 1 },
        coverage: null,
        blocks: 3,
      };
      sql.exec(
        `INSERT INTO canaries (id, version, stable, share, startedAt, deadlineAt, plan, verdict, endedAt, outcome, reason)
         VALUES (1, 2, 1, 0.1, 0, 9e15, ?1, ?3, 5, 'promoted', 'error of all answers −1.00 points'),
           (2, 3, 2, 0.1, 6, 9e15, ?2, ?3, NULL, NULL, NULL)`,
        ...[planOf("all"), planOf("accepted"), JSON.stringify(verdict)],
      );
      sql.exec(
        "INSERT INTO canary_counts (canary, region, at, count) VALUES (2, 'north', 7, ?)",
        '{"versions":[],"differences":{}}',
      );
      migrate(storage, migrations);
      const table = new Canaries(sql);
      const plans = sql.exec("SELECT plan FROM canaries ORDER BY id").toArray();
      return {
        running: table.running(),
        reports: table.reports(2),
        plans: plans.map(({ plan }) => JSON.parse(plan as string)),
      };
    });
    expect(canaries).toMatchObject({ running: { version: 3, verdict: null, outcome: null }, reports: [] });
    const shared = { margin: 0.02, delta: 0.05 };
    expect(canaries.plans).toEqual([
      { ...shared, coverageMargin: null },
      { ...shared, coverageMargin: 0.05 },
    ]);
  });

  it("keeps the turns of rungs and the counts of the edge, and opens the books of a budget", async () => {
    const stub = env.REGISTRY.get(env.REGISTRY.idFromName("migrated-books"));
    const [tokens, state, grant] = await runInDurableObject(stub, async (_, { storage }) => {
      await storage.deleteAll();
      migrate(storage, migrations.slice(0, 5));
      const { sql } = storage;
      sql.exec("INSERT INTO turns VALUES ('jev', ?)", JSON.stringify({ tokens: 5, at: 1 }));
      const counts = JSON.stringify({ ...noCounts(), questions: 70 });
      sql.exec("INSERT INTO counts (region, base, value) VALUES ('north', 1, ?)", counts);
      migrate(storage, migrations);
      const spendings = new Spendings(new Ledger(sql), new EdgeCounts(sql));
      const before = spendings.state(10);
      const month = monthOf(Date.now());
      const { sent } = report({ ...startLease(month, "a"), questions: 4, spentUsd: 1, asked: 2 }, 2, 1);
      const { grantedUsd } = spendings.take("north", sent, 10);
      const after = spendings.state(10);
      return [sql.exec("SELECT bucket FROM turns").one().bucket, { before, after }, grantedUsd] as const;
    });
    expect(tokens).toBe('{"tokens":5,"at":1}');
    expect(grant).toBe(3);
    expect(state.before).toMatchObject({ usd: 0, questions: 0, originOnlyUsd: null, savedUsd: null, status: "all" });
    // What the edge had answered before the first report is not of this month.
    expect(state.after).toMatchObject({ usd: 1, leasedUsd: 2, questions: 4, originOnlyUsd: 2, savedUsd: 1 });
  });
});
