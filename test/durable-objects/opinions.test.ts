import { describe, expect, it } from "vitest";
import type { Capital } from "#core/confidence/powered.ts";
import { call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const opinions = { pending: 0.6, valid: 0.3 };

/** Asks questions that the edge accepts. */
async function ask(region: TestRegion, n: number) {
  const ids = Array.from({ length: n }, (_, i) => `${region.model}~north~${i}`);
  return region.ask(
    ids.map((_, i) => instance(i)),
    ids,
  );
}

const trialsOf = (region: TestRegion) =>
  region.rows("SELECT id, planned, opinionShare, opinion, opinionDueAt, window FROM trials ORDER BY number");

describe("opinions of the rung above", () => {
  it("are asked about a share of accepted questions, and planned labels are among them", async () => {
    const region = new TestRegion("opined");
    await publish({ model: region.model });
    const answers = await ask(region, 60);
    expect(answers.every(({ rung, accepted }) => rung === "edge" && accepted)).toBe(true);
    const drawn = await trialsOf(region);
    expect(drawn.length / 60).toBeCloseTo(opinions.pending, 0);
    expect(drawn.every(({ opinionShare }) => opinionShare === opinions.pending)).toBe(true);
    const planned = drawn.filter((trial) => trial.planned === 1).length;
    expect(planned).toBeGreaterThan(3);
    expect(planned).toBeLessThan(drawn.length - 5);
    await eventually(async () => {
      const waiting = (await trialsOf(region)).filter(({ opinionDueAt }) => opinionDueAt !== null);
      expect(waiting).toEqual([]);
    });
    const [{ opinion }] = (await trialsOf(region)) as [{ opinion: string }];
    expect(JSON.parse(opinion)).toMatchObject({ agrees: expect.any(Boolean), score: expect.any(Number) });
    // An opinion is no answer and no label.
    expect(await region.rows("SELECT DISTINCT json_extract(answer, '$.rung') AS rung FROM questions")).toEqual([
      { rung: "edge" },
    ]);
    expect(await region.rows("SELECT count(*) AS n FROM samples")).toEqual([{ n: 0 }]);
  });

  it("count in the certificate in the order of asking, and a corrected label replaces its factor", async () => {
    const region = new TestRegion("opined");
    const before = await trialsOf(region);
    const planned = before.filter((trial) => trial.planned === 1);
    const stored = await region.rows("SELECT id, prediction FROM questions");
    const predictionOf = new Map(stored.map(({ id, prediction }) => [id, prediction as string]));
    const truths = planned.map(({ id }) => ({ id: id as string, label: predictionOf.get(id as string) as string }));
    await region.teach(truths);
    // Those without a planned label are counted, and leave no row.
    expect((await trialsOf(region)).every((trial) => trial.planned === 1 && trial.window !== null)).toBe(true);
    const capital = async () => {
      const [{ state }] = (await region.rows("SELECT state FROM windows")) as [{ state: string }];
      return (JSON.parse(state) as { powered: { capital: Capital } }).powered.capital;
    };
    const right = await capital();
    expect(right.labels).toBe(planned.length);
    const [first] = truths as [(typeof truths)[0]];
    const other = first.label === "a" ? "b" : "a";
    await region.teach([{ id: first.id, label: other }]);
    const wrong = await capital();
    expect(wrong.fromLabels[0]).toBeLessThan(right.fromLabels[0] as number);
    await region.teach([{ id: first.id, label: first.label }]);
    const corrected = await capital();
    for (const key of ["fromLabels", "fromOpinions"] as const) {
      corrected[key].forEach((log, i) => void expect(log).toBeCloseTo(right[key][i] as number, 9));
    }
    const state = await region.inside((object) => object.state(1));
    expect(state.certificate).toMatchObject({ labels: planned.length, mean: 0 });
  });

  it("are not asked where every truth comes, or where no rung is above", async () => {
    for (const [model, policy] of [
      ["told", { keep: "all", truth: "complete", auditShare: 0.2, opinions }],
      ["alone", { keep: "all", auditShare: 0.2, opinions, ladder: ["edge", "region", "human"] }],
    ] as const) {
      const region = new TestRegion(model);
      await publish({
        model,
        threshold: 0,
        policy: {
          ...policy,
          ladder: [...("ladder" in policy ? policy.ladder : (["edge", "region", "origin", "human"] as const))],
        },
      });
      await ask(region, 20);
      const rows = await trialsOf(region);
      expect(rows.every(({ opinionShare, planned }) => opinionShare === null && planned === 1)).toBe(true);
    }
  });

  it("that do not come in time are done without", async () => {
    const region = new TestRegion("unheard");
    await publish({ model: region.model, threshold: 0, policy: { keep: "all", auditShare: 0.2, opinions } });
    await ask(region, 30);
    // The origin does not know this model.
    expect((await trialsOf(region)).some(({ opinionDueAt }) => opinionDueAt !== null)).toBe(true);
    await region.rows("UPDATE trials SET opinionDueAt = 1 WHERE opinionDueAt IS NOT NULL");
    await region.rows("UPDATE jobs SET due = 0 WHERE kind = 'opinions'");
    await region.inside((object) => object.alarm());
    expect((await trialsOf(region)).filter(({ opinionDueAt }) => opinionDueAt !== null)).toEqual([]);
    await expectOk(call("DELETE", `/v1/models/${region.model}/regions/north`));
  });
});
