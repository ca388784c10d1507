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
import { seeded } from "../helpers/random.ts";

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
    expect(run.reason).toMatch(/^the head in use is better or as good: Δ log-loss \+0\.0000/);
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

interface Figures {
  chosen: string;
  clusters: number;
  difference: number;
  candidates: Record<string, { mix: { weight: number; groups: number } | null; validationLogLoss: number }>;
}

const figuresOf = ({ report }: RegionRun) => report as unknown as Figures;

describe("a head that is mixed with the global one", () => {
  const few = "few-labels";
  type Rows = ReturnType<typeof customRows>;
  const policy = { keep: "all", truth: "complete", retrainMinLabels: 5 } as const;
  const path = `/v1/models/${few}`;

  /** Its candidates are raw: where the global head is right, they are surely worse. */
  const raw = "raw-candidates";

  beforeAll(async () => {
    await publish({ model: few, threshold: 0.5, policy });
    await publish({ model: raw, threshold: 0.5, policy: { ...policy, learning: ["analytic"] } });
  });

  async function retrainFew(region: string, model = few): Promise<RegionRun> {
    const url = `/v1/models/${model}/regions/${region}/retrain`;
    return (await expectOk(call("POST", url, { body: {}, headers: { prefer: "wait=25" } }))).json();
  }

  async function teachFew(region: string, rows: Rows, model = few, from = 0): Promise<void> {
    const truths = rows.map(({ instance: one, label }, i) => ({
      label,
      question: { id: `${model}~${region}~${from + i}`, region, instance: one },
    }));
    await expectOk(call("POST", `/v1/models/${model}/truths`, { body: { truths } }));
  }

  /** Labels drawn from the global head's own scores, so that no head is better; with a tilt, some are more frequent. */
  async function rowsOfGlobal(n: number, region: string, tilt: Record<string, number> = {}): Promise<Rows> {
    const random = seeded(n);
    const rows = customRows(n, region, 12);
    const instances = rows.map((row) => row.instance);
    const { answers } = await (
      await expectOk(call("POST", `${path}/ask`, { body: { instances, accept: "always" } }))
    ).json<{ answers: { version: string; scores: Record<string, number> }[] }>();
    return rows.map(({ instance: one }, i) => {
      const { scores, version } = answers[i] as (typeof answers)[0];
      expect(version).toBe("1");
      const shares = Object.entries(scores).map(([label, score]) => [label, score * (tilt[label] ?? 1)] as const);
      let draw = random() * shares.reduce((sum, [, share]) => sum + share, 0);
      const label = shares.find(([, share]) => {
        draw -= share;
        return draw < 0;
      })?.[0];
      return { instance: one, label: label ?? "a" };
    });
  }

  it("moves further from the global head the more labels say so", async () => {
    const rows = await rowsOfGlobal(500, "north", { b: 4 });
    await teachFew("north", rows.slice(0, 40));
    const first = figuresOf(await retrainFew("north"));
    await teachFew("north", rows.slice(40), few, 40);
    const later = await retrainFew("north");
    expect(later).toMatchObject({ status: "promoted" });
    const [before, after] = [first, figuresOf(later)].map(({ candidates }) => candidates.softmax?.mix);
    expect(before?.weight).toBeLessThan(0.8 * (after?.weight as number));
    expect(after?.groups).toBeGreaterThan(350);
  });

  it("is not published where the global head is as good", async () => {
    await teachFew("south", await rowsOfGlobal(60, "south"), raw);
    const run = await retrainFew("south", raw);
    expect(run).toMatchObject({ status: "refused" });
    expect(run.reason).toMatch(/^the global head is better or as good: Δ log-loss \+/);
    expect(Object.keys(figuresOf(run).candidates)).toContain("global");
    const { state }: RegionDetail = await (await expectOk(call("GET", `/v1/models/${raw}/regions/south`))).json();
    expect(state?.head).toBe(null);
  });

  it("is replaced by the global head once that is better, and the global head counts as having learned from nothing", async () => {
    const region = "world";
    const truths = await rowsOfGlobal(160, region);
    await teachFew(region, customRows(160, region, 12), raw);
    expect(await retrainFew(region, raw)).toMatchObject({ status: "promoted", report: { head: 1 } });
    // The custom is over: every label is corrected to what the global head says.
    await teachFew(region, truths, raw);
    const back = await retrainFew(region, raw);
    expect(back).toMatchObject({ status: "promoted", report: { head: 2, chosen: "global" } });
    expect(back.reason).toMatch(
      /^the global head is better than the head in use: log-loss 0\.\d{4} instead of \d\.\d{4}$/,
    );
    const { comparison } = back.report as NonNullable<RegionRun["report"]>;
    expect(comparison?.regional).toEqual(comparison?.global);
    const asked = { instance: instance(3, region), accept: "always" };
    await ask(raw, asked, { token: "admin-token" });
    const own = await ask(raw, asked, { token: "admin-token" });
    expect(own.version).toBe(`1+${region}.2`);
    const shared = await ask(raw, { ...asked, instance: { ...asked.instance, region: "south" } });
    expect(shared.version).toBe("1");
    for (const [label, score] of Object.entries(shared.scores)) expect(own.scores[label]).toBeCloseTo(score, 5);
    const again = await retrainFew(region, raw);
    expect(again).toMatchObject({ status: "refused" });
    expect(again.reason).toMatch(/the global head/);
    // All of train and validation: the head in use has not learned from them.
    expect(figuresOf(again).clusters).toBe((again.report?.train as number) + (again.report?.validation as number));
  });

  it("is the regional head alone without the part `mix`", async () => {
    const model = "unmixed";
    const { manifest } = await publish({ model, threshold: 0.5, policy, version: 1 });
    const learning = manifest.policy.learning.filter((part) => part !== "mix");
    await publish({ model, threshold: 0.5, policy: { ...policy, learning }, version: 2 });
    await teachFew("north", customRows(400), model);
    const run = await retrainFew("north", model);
    expect(run).toMatchObject({ status: "promoted" });
    expect(figuresOf(run).candidates.softmax?.mix).toBe(null);
  });

  it("serves a manifest that names a part removed since", async () => {
    const model = "retired-part";
    await publish({ model, threshold: 0.5, policy: { ...policy, learning: ["softmax", "mix", "label-shift"] } });
    await teachFew("north", customRows(400), model);
    const run = await retrainFew("north", model);
    expect(Object.keys(figuresOf(run).candidates).sort()).toEqual(["global", "softmax"]);
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
    const version = async (n: number) =>
      (await ask(model, { instance: instance(n), accept: "always" }, { token: "admin-token" })).version;
    // A busy machine may read KV late: then the global head answers first.
    await eventually(async () => expect(await version(6)).toBe("2+north.1"));
    await expectOk(call("POST", `/v1/models/${model}/rollback`, { body: {} }));
    // An edge that has not heard of the newer head hears of it with this answer.
    await version(7);
    await eventually(async () => expect(await version(8)).toMatch(/^1\+north\./));
  });
});
