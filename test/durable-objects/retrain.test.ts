import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { RegionDetail, RegionRun } from "#core/contract/index.ts";
import { regionObjectName } from "#objects/names.ts";
import type { RegionObject } from "#objects/region/index.ts";
import type { Retrain } from "#objects/region/retrain/index.ts";
import type { JudgeNeeds } from "#objects/region/retrain/judge.ts";
import { customRows } from "../helpers/custom-rows.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";

const model = "learner";
const taught = 400;

beforeAll(async () => {
  await publish({ model, threshold: 0.5, policy: { keep: "all", truth: "complete" } });
});

const stubOf = (region: string) =>
  env.REGION.get(env.REGION.idFromName(regionObjectName(model, region))) as DurableObjectStub<RegionObject>;

async function teach(region: string, n = taught, labelOf = (label: string) => label): Promise<void> {
  const truths = customRows(n, region).map(({ instance: one, label }, i) => ({
    label: labelOf(label),
    question: { id: `${model}~${region}~${i}`, region, instance: one },
  }));
  await expectOk(call("POST", `/v1/models/${model}/truths`, { body: { truths } }));
}

async function retrain(region: string, body: object = {}): Promise<RegionRun> {
  const path = `/v1/models/${model}/regions/${region}/retrain`;
  return (await expectOk(call("POST", path, { body, headers: { prefer: "wait=25" } }))).json();
}

describe("a retrain", () => {
  it("promotes a better head, and the edge uses it from the next question on", async () => {
    await teach("north");
    const before = await ask(model, { instance: instance(1), accept: "always" }, { token: "admin-token" });
    expect(before.version).toBe("1");
    const run = await retrain("north");
    expect(run).toMatchObject({ status: "promoted", region: "north", base: 1 });
    expect(run.report).toMatchObject({ head: 1 });
    // This reply of the region's object says that there is a newer head.
    await ask(model, { instance: instance(2), accept: "always" }, { token: "admin-token" });
    const rows = customRows(100, "north", 77);
    const { answers } = await (
      await expectOk(
        call("POST", `/v1/models/${model}/ask`, {
          body: { instances: rows.map((row) => row.instance), accept: "always" },
        }),
      )
    ).json<{ answers: { label: string; version: string }[] }>();
    expect(answers.every(({ version }) => version === "1+north.1")).toBe(true);
    expect(answers.filter(({ label }, i) => label === rows[i]?.label).length).toBeGreaterThan(85);
  });

  it("refuses a head that is not better, with the reason", async () => {
    const run = await retrain("north");
    expect(run.status).toBe("refused");
    expect(run.reason).toMatch(/not significantly better/);
  });

  it("reads the head in use and the candidates once, however many slices compare them", async () => {
    const counted = await runInDurableObject(stubOf("north"), async (object, { storage }) => {
      const { retrain } = object as unknown as {
        retrain: Pick<Retrain, "runs" | "step"> & { needs: { judge: JudgeNeeds } };
      };
      const { judge } = retrain.needs;
      const counts = { slices: 0, heads: 0, candidates: 0 };
      const [readBlob, state] = [judge.readBlob, retrain.runs.state.bind(retrain.runs)];
      judge.readBlob = (blob) => {
        counts.heads++;
        return readBlob(blob);
      };
      retrain.runs.state = <T extends ArrayBuffer | string>(run: string, name: string) => {
        if (name === "analytic") counts.candidates++;
        return state<T>(run, name);
      };
      const { id } = await object.startRetrain(1, Date.now(), 0);
      await storage.deleteAlarm();
      for (let run = retrain.runs.running(id); run; run = retrain.runs.running(id)) {
        if (run.phase === "judge") counts.slices++;
        await retrain.step(id, 0);
      }
      return counts;
    });
    expect(counted).toMatchObject({ heads: 1, candidates: 1 });
    expect(counted.slices).toBeGreaterThan(2);
  });

  it("is skipped when there are too few labels", async () => {
    await ask(model, { instance: instance(1, "world") }, { token: "admin-token" });
    expect(await retrain("world")).toMatchObject({ status: "skipped" });
  });

  it("learns only from what was known at its data time", async () => {
    const run = await retrain("north", { at: 1 });
    expect(run).toMatchObject({ status: "skipped", report: { train: 0, validation: 0 } });
  });

  it("returns to the previous head when the region is rolled back", async () => {
    const path = `/v1/models/${model}/rollback`;
    expect(await (await expectOk(call("POST", path, { body: { region: "north" } }))).json()).toEqual({
      region: "north",
      head: null,
    });
    expect((await ask(model, { instance: instance(4), accept: "always" }, { token: "admin-token" })).version).toBe("1");
  });

  it("keeps every head, and returns to any of them by number", async () => {
    const path = `/v1/models/${model}/rollback`;
    const detail = async (): Promise<RegionDetail> =>
      (await expectOk(call("GET", `/v1/models/${model}/regions/north`))).json();
    const before = await detail();
    expect(before.heads).toMatchObject([{ base: 1, number: 1, isCurrent: false }]);
    expect(before.state).toMatchObject({ region: "north", head: null });
    expect(before.history.map(({ action }) => action)).toEqual(["head-rollback", "head"]);
    const unknown = await call("POST", path, { body: { region: "north", head: 7 } });
    expect(unknown.status).toBe(409);
    await expectOk(call("POST", path, { body: { region: "north", head: 1 } }));
    expect((await detail()).heads).toMatchObject([{ number: 1, isCurrent: true }]);
    expect((await ask(model, { instance: instance(4), accept: "always" }, { token: "admin-token" })).version).toBe(
      "1+north.1",
    );
    expect((await call("POST", path, { body: { head: 1 } })).status).toBe(422);
    expect((await call("GET", `/v1/models/${model}/regions/nowhere`)).status).toBe(404);
  });

  it("reports how the regional and the global head answer questions that neither learned from", async () => {
    const { runs }: { runs: RegionRun[] } = await (await expectOk(call("GET", `/v1/models/${model}/runs`))).json();
    const comparison = runs.find(({ region, status }) => region === "north" && status === "promoted")?.report
      ?.comparison;
    expect(comparison?.regional.logLoss).toBeLessThan(comparison?.global.logLoss as number);
    expect(comparison?.regional.accuracy).toBeGreaterThan(comparison?.global.accuracy as number);
    expect(comparison?.questions).toBeGreaterThan(30);
  });
});

describe("a retrain that is cut off", () => {
  it("counts each sample once when the object dies at any point and labels arrive meanwhile", async () => {
    await teach("south");
    const clean = await cleanRun();
    const path = `/v1/models/${model}/regions/south/retrain`;
    const started: RegionRun = await (await expectOk(call("POST", path, { body: {} }))).json();
    for (let deaths = 0; deaths < 4; deaths++) {
      await evictDurableObject(stubOf("south"));
      await runDurableObjectAlarm(stubOf("south"));
    }
    const run = await eventually(async () => {
      const { runs } = await (await expectOk(call("GET", `/v1/models/${model}/regions/south/runs`))).json<{
        runs: RegionRun[];
      }>();
      const found = runs.find(({ id }) => id === started.id) as RegionRun;
      expect(found.status).not.toBe("running");
      return found;
    });
    expect(run).toMatchObject({
      status: clean.status,
      report: { train: clean.report?.train, validation: clean.report?.validation },
    });
    expect(run.report?.candidateLogLoss).toBe(clean.report?.candidateLogLoss);
  });

  it("reaches the same result when an alarm rings twice", async () => {
    const heads = await runInDurableObject(stubOf("south"), async (region, state) => {
      await Promise.all([region.alarm(), region.alarm()]);
      return state.storage.sql.exec("SELECT base, revision FROM heads").toArray();
    });
    expect(heads).toEqual([{ base: 1, revision: 1 }]);
  });

  // The same labelled questions in another region, which is not disturbed.
  async function cleanRun(): Promise<RegionRun> {
    await publish({ model: "undisturbed", threshold: 0.5, policy: { keep: "all", truth: "complete" } });
    const truths = customRows(taught, "south").map(({ instance: one, label }, i) => ({
      label,
      question: { id: `undisturbed~south~${i}`, region: "south", instance: one },
    }));
    // The split is by question id, and so by model: the same ids must fall alike.
    await runInDurableObject(
      env.REGION.get(
        env.REGION.idFromName(regionObjectName("undisturbed", "south")),
      ) as DurableObjectStub<RegionObject>,
      async (region) => {
        const labelled = truths.map(({ label, question }) => ({
          id: question.id.replace("undisturbed", model),
          label,
          instance: question.instance,
        }));
        await region.recordTruths(1, labelled, { owner: null, source: "truth", labelledAt: 1_000 });
      },
    );
    const path = "/v1/models/undisturbed/regions/south/retrain";
    return (await expectOk(call("POST", path, { body: {}, headers: { prefer: "wait=25" } }))).json();
  }
});

describe("a new version", () => {
  it("is prepared by the regions with samples: each trains its head from them", async () => {
    await retrain("north");
    await publish({ model, version: 2, seed: 50, threshold: 0.5, policy: { keep: "all", truth: "complete" } }, null);
    await eventually(async () => {
      const { versions } = await (await expectOk(call("GET", `/v1/models/${model}/versions`))).json<{
        versions: { version: number; state: string }[];
      }>();
      expect(versions[0]).toMatchObject({ version: 2, state: "prepared" });
    });
    await expectOk(call("POST", `/v1/models/${model}/rollout`, { body: { version: 2 } }));
    const answer = await ask(model, { instance: instance(6), accept: "always" }, { token: "admin-token" });
    expect(answer.version).toBe("2+north.1");
    await expectOk(call("POST", `/v1/models/${model}/rollback`, { body: {} }));
    // An edge that has not heard of the newer head hears of it with this answer.
    await ask(model, { instance: instance(7), accept: "always" }, { token: "admin-token" });
    const back = await ask(model, { instance: instance(8), accept: "always" }, { token: "admin-token" });
    expect(back.version).toMatch(/^1\+north\./);
  });
});
