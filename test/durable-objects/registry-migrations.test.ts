import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { migrate } from "#objects/migrate.ts";
import { migrations } from "#objects/registry/migrations.ts";
import { Canaries } from "#objects/registry/tables/canaries.ts";

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
});
