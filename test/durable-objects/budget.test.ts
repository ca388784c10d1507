import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Answer, ExternalRung, ModelLadder, ModelSpending, Policy } from "#core/contract/index.ts";
import type { RegistryObject } from "#objects/registry/index.ts";
import { alertsOf, ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const above = (env as unknown as { TEST_ABOVE_URL: string }).TEST_ABOVE_URL;
const usdPerQuestion = 0.01;
const november = Date.UTC(2026, 10, 10);

interface Given {
  usdPerMonth?: number;
  atLimit?: "answer" | "people";
  fault?: string;
  rung?: Partial<ExternalRung>;
  policy?: Partial<Policy>;
  threshold?: number;
}

async function publishWith(
  model: string,
  { usdPerMonth, atLimit = "answer", fault = "none", rung, policy, threshold = 1.01 }: Given,
) {
  const jev: ExternalRung = {
    ...{ name: "jev", kind: "system-one", url: `${above}/${fault}`, model: "m", key: "RUNG_KEY_ABOVE" },
    ...{ deadlineMs: 8_000, minLabels: 0, threshold: 0.5, price: { usdPerQuestion }, ...rung },
  };
  await publish({
    ...{ model, threshold },
    policy: {
      ...{ learning: [], ladder: ["edge", "region", "origin", "human"], above: [jev], explorationShare: 0, ...policy },
      ...(usdPerMonth === undefined ? {} : { budget: { usdPerMonth, atLimit } }),
    },
  });
}

const registryOf = (model: string) => {
  return env.REGISTRY.get(env.REGISTRY.idFromName(model)) as DurableObjectStub<RegistryObject>;
};
const spendingOf = async (model: string): Promise<ModelSpending> => {
  const { models } = await (await expectOk(call("GET", "/v1/ladder"))).json<{ models: ModelLadder[] }>();
  return models.find((one) => one.model === model)?.spending as ModelSpending;
};
/** Runs the job that reports what was spent. */
async function report(region: TestRegion): Promise<void> {
  await region.rows("UPDATE jobs SET due = 1 WHERE kind = 'budget'");
  await region.inside((object) => object.alarm());
}

async function askMany(model: string, count: number, region = "north", from = 0): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let i = 0; i < count; i++) answers.push(await ask(model, { instance: instance(from + i, region) }));
  return answers;
}

afterEach(() => void vi.useRealTimers());

describe("a budget", () => {
  it("is kept over all regions, and callers get the provisional answer beyond it", async () => {
    await publishWith("bud-answer", { usdPerMonth: 0.075 });
    const answers: Answer[] = [];
    for (let i = 0; i < 6; i++) {
      for (const region of ["north", "south"]) answers.push(await ask("bud-answer", { instance: instance(i, region) }));
    }
    const asked = answers.filter(({ rung }) => rung === "origin");
    expect(asked.length).toBeLessThanOrEqual(7);
    expect(asked.length).toBeGreaterThan(0);
    const left = answers.filter(({ rung }) => rung === "edge");
    expect(left.length).toBe(12 - asked.length);
    expect(left.every(({ status, accepted }) => status === "answered" && !accepted)).toBe(true);
    // It forgets that it looked at the budget within this minute.
    await evictDurableObject(registryOf("bud-answer"));
    for (const region of ["north", "south"]) await report(new TestRegion("bud-answer", region));
    const told = { kind: "budget", region: null, detail: expect.stringContaining("of $0.075") };
    expect(await alertsOf("bud-answer")).toMatchObject([told]);
    const { usd, leftOut, questions, originOnlyUsd, savedUsd, leasedUsd } = await spendingOf("bud-answer");
    expect(usd).toBeCloseTo(asked.length * usdPerQuestion, 9);
    expect({ leftOut, questions, leasedUsd }).toEqual({ leftOut: left.length, questions: 12, leasedUsd: 0 });
    expect(originOnlyUsd).toBeCloseTo(0.12, 9);
    expect(savedUsd).toBeCloseTo(0.12 - usd, 9);
  });

  it("hands questions to people beyond it, where its recipe says so", async () => {
    await publishWith("bud-people", { usdPerMonth: 0.01, atLimit: "people" });
    const answers = await askMany("bud-people", 3);
    expect(answers.filter(({ rung }) => rung === "origin").length).toBeLessThanOrEqual(1);
    const open = answers.filter(({ status }) => status === "open").length;
    expect(open).toBeGreaterThan(1);
    const region = new TestRegion("bud-people");
    await eventually(async () => {
      expect(await region.rows("SELECT id FROM questions WHERE inReview")).toHaveLength(open);
    });
  });

  it("starts over with the next month (UTC)", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, 30, 23, 59, 0) });
    await publishWith("bud-month", { usdPerMonth: 0.02, policy: { explorationShare: 1 } });
    const first = await askMany("bud-month", 5);
    expect(first.map(({ rung }) => rung)).toEqual(["origin", "origin", "edge", "edge", "edge"]);
    const region = new TestRegion("bud-month");
    vi.setSystemTime(Date.UTC(2026, 11, 1, 0, 0, 5));
    const [later] = await askMany("bud-month", 1, "north", 50);
    expect(later?.rung).toBe("origin");
    expect((await region.inside((object) => object.state(1))).spending).toMatchObject({ month: "2026-12", usd: 0.01 });
    await report(region);
    expect(await region.rows("SELECT month FROM leases")).toEqual([{ month: "2026-12" }]);
    expect((await spendingOf("bud-month")).month).toBe("2026-12");
  });

  it("counts what was being asked when an object was evicted as spent", async () => {
    // An eviction waits for the deadline of what was asked.
    await publishWith("bud-evicted", { usdPerMonth: 1, rung: { deadlineMs: 1_000 } });
    await askMany("bud-evicted", 1);
    const region = new TestRegion("bud-evicted");
    await region.rows("UPDATE leases SET state = json_set(state, '$.reservedUsd', 0.03)");
    await evictDurableObject(region.stub);
    expect((await region.inside((object) => object.state(1))).spending?.usd).toBeCloseTo(0.04, 9);
  });

  it("is spent no further than the lease while the registry can't be reached, and nothing is lost", async () => {
    await publishWith("bud-apart", { usdPerMonth: 100 });
    const region = new TestRegion("bud-apart");
    await askMany("bud-apart", 1);
    await region.rows("UPDATE leases SET state = json_set(state, '$.grantedUsd', 0.03)");
    const registry = registryOf("bud-apart");
    await runInDurableObject(registry, (object) => {
      vi.spyOn(object, "takeBudgetReport").mockImplementation(() => {
        throw new Error("the registry is away");
      });
    });
    const answers = await askMany("bud-apart", 4, "north", 10);
    expect(answers.map(({ rung }) => rung)).toEqual(["origin", "origin", "edge", "edge"]);
    expect(answers.slice(2).every(({ status }) => status === "open")).toBe(true);
    vi.restoreAllMocks();
    await region.rows("UPDATE questions SET escalateAt = 1 WHERE status = 'open'");
    await region.rows("UPDATE jobs SET due = 1 WHERE kind = 'escalate'");
    await region.inside((object) => object.alarm());
    await eventually(async () => {
      expect(await region.rows("SELECT id FROM questions WHERE status = 'open'")).toEqual([]);
    });
  });

  it("counts a question that a rung may have billed without an answer at its expected price", async () => {
    await publishWith("bud-broken", { usdPerMonth: 1, fault: "broken" });
    await askMany("bud-broken", 1);
    expect((await new TestRegion("bud-broken").inside((object) => object.state(1))).spending?.usd).toBe(0.01);
    await publishWith("bud-limited", { usdPerMonth: 1, fault: "limited" });
    await askMany("bud-limited", 1);
    expect((await new TestRegion("bud-limited").inside((object) => object.state(1))).spending?.usd).toBe(0);
  });

  it("reserves a token for each byte, and spends what was read", async () => {
    const rung = { price: { usdPerMillionInputTokens: 1_000 } };
    await publishWith("bud-tokens", { usdPerMonth: 10, rung });
    await askMany("bud-tokens", 1);
    const region = new TestRegion("bud-tokens");
    expect((await region.inside((object) => object.state(1))).spending?.usd).toBeCloseTo(0.1, 9);
    // What could cost over a dollar is not asked with a dollar.
    await publishWith("bud-dear", { usdPerMonth: 1, rung });
    expect((await askMany("bud-dear", 1))[0]?.rung).toBe("edge");
  });

  it("is not needed to count what rungs cost", async () => {
    await publishWith("bud-none", {});
    await askMany("bud-none", 2);
    await report(new TestRegion("bud-none"));
    const spending = await spendingOf("bud-none");
    expect(spending).toMatchObject({ status: "unlimited", usdPerMonth: null, usd: 0.02, savedUsd: 0 });
    const metrics = await (await expectOk(call("GET", "/metrics"))).text();
    expect(metrics).toContain('upriver_spending_usd{model="bud-none"} 0.02');
  });
});

describe("opinions", () => {
  it("count in the budget, and are given up where the questions leave nothing over", async () => {
    const opinions = { pending: 1, valid: 1 };
    const policy = { opinions, keep: "audited" as const, auditShare: 0.001, learning: ["opinions" as const] };
    await publishWith("bud-opinions", { usdPerMonth: 1_000, threshold: 0, policy });
    const region = new TestRegion("bud-opinions");
    const askAndRun = async (from: number) => {
      await askMany("bud-opinions", 2, "north", from);
      await eventually(async () => {
        const [{ n } = { n: 0 }] = await region.rows("SELECT count(*) AS n FROM questions");
        expect(n).toBe(from + 2);
      });
      await eventually(async () => {
        expect(await region.rows("SELECT id FROM trials WHERE opinionDueAt IS NOT NULL")).toEqual([]);
      });
      return (await region.inside((object) => object.state(1))).spending;
    };
    expect(await askAndRun(0)).toMatchObject({ asked: 2, usd: 0.02, leftOut: 0 });
    await region.rows("UPDATE leases SET state = json_set(state, '$.plan.opinions', 0)");
    expect(await askAndRun(2)).toMatchObject({ asked: 2, usd: 0.02, leftOut: 0 });
  });
});

describe("a lease", () => {
  const reportOf = (more: object) => ({
    ...{ month: "2026-11", holder: "a", call: 1, spentUsd: 0, questions: 1, asked: 1, leftOut: 0, targetUsd: 6 },
    ...{ demand: { up: {}, opinions: 0 }, ...more },
  });

  it("is granted as far as the budget reaches, once, and returns what is not needed", async () => {
    await publish({ model: "bud-lease" });
    vi.useFakeTimers({ toFake: ["Date"], now: november });
    const registry = registryOf("bud-lease");
    const grant = async (more: object) => (await registry.takeBudgetReport("north", reportOf(more), 10)).grantedUsd;
    expect(await grant({})).toBe(6);
    expect(await grant({})).toBe(6);
    expect(await grant({ holder: "b" })).toBe(4);
    // An earlier report that arrives late changes nothing.
    expect(await grant({ call: 3, spentUsd: 1, targetUsd: 1 })).toBe(1);
    expect(await grant({ call: 2, targetUsd: 9 })).toBe(1);
    expect(await grant({ holder: "b", call: 2, targetUsd: 20 })).toBe(9);
    await registry.forgetRegion("north");
    expect(await grant({ holder: "c", targetUsd: 5 })).toBe(0);
    const spending = await registry.spending(10);
    expect(spending).toMatchObject({ month: "2026-11", usd: 1, leasedUsd: 9, usdPerMonth: 10 });
  });
});
