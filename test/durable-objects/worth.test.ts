import { beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { call, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const region = new TestRegion("compared");
let asked = 0;

async function ask(n: number): Promise<Answer[]> {
  const ids = Array.from({ length: n }, () => `compared~north~${asked++}`);
  return region.ask(
    // Where both rungs tend to differ.
    ids.map((_, i) => instance(((7 * (asked + i)) % 60) - 30)),
    ids,
  );
}

const state = () => region.inside((object) => object.state(1));

/** Teaches, of each question, what one of the two rungs had said. */
async function teach(answers: readonly Answer[], whoIsRight: "edge" | "above"): Promise<void> {
  const rows = await region.rows("SELECT id, prediction, above FROM questions WHERE above IS NOT NULL");
  const known = new Map(
    rows.map(({ id, prediction, above }) => [id, { edge: prediction, above: JSON.parse(above as string).label }]),
  );
  const truths = answers.flatMap(({ id }) => {
    const said = known.get(id);
    return said ? [{ id, label: said[whoIsRight] as string }] : [];
  });
  if (truths.length > 0) await region.teach(truths);
}

beforeAll(async () => {
  await publish({ model: "compared" });
});

describe("a rung above that is worse than the edge", () => {
  it("is asked until labels have shown it; then only a share is, and the rest get the edge's answer", async () => {
    expect((await state()).escalation).toMatchObject({ status: "unproven", escalatesAll: true, unasked: 0 });
    for (let i = 0; i < 10 && (await state()).escalation?.status !== "does-not-pay"; i++) {
      const answers = await ask(40);
      expect(answers.every(({ rung }) => rung === "origin")).toBe(true);
      await teach(answers, "edge");
    }
    const found = (await state()).escalation;
    expect(found).toMatchObject({ status: "does-not-pay", escalatesAll: false });
    expect(await region.reportNow()).toEqual(["escalation-does-not-pay of north"]);
    expect(found?.decidedBy?.edgeRight).toBeGreaterThan(found?.decidedBy?.aboveRight as number);

    const answers = await ask(100);
    expect(answers.every(({ rung, status, accepted }) => rung === "edge" && status === "answered" && !accepted)).toBe(
      true,
    );
    const routes = await region.rows(
      "SELECT route, count(*) AS n, count(above) AS above FROM questions GROUP BY route ORDER BY route",
    );
    const [, explored, kept] = routes as { route: string; n: number; above: number }[];
    expect(explored).toMatchObject({ route: "explore" });
    expect(explored?.above).toBe(explored?.n);
    expect(kept).toMatchObject({ route: "keep", above: 0 });
    expect(kept?.n).toBeGreaterThan(60);
    expect((await state()).escalation?.unasked).toBe(kept?.n);
    const [first] = answers as [Answer];
    const way = await (await call("GET", `/v1/questions/${first.id}/way`)).json<{ route: string }>();
    expect(["explore", "keep"]).toContain(way.route);
  });

  it("is asked again once labels of explored questions have shown that it is better", async () => {
    for (let i = 0; i < 10 && (await state()).escalation?.status !== "pays"; i++) {
      await teach(await ask(100), "above");
    }
    expect((await state()).escalation).toMatchObject({ status: "pays", escalatesAll: true });
    expect((await ask(20)).some(({ rung }) => rung === "origin")).toBe(true);
  });

  it("has its scores stacked with the edge's, by weights that labels have moved", async () => {
    const { weights } = (await state()).escalation as { weights: { edge: number; above: number } };
    expect(weights).not.toEqual({ edge: 0, above: 1 });
    const [answer] = (await ask(1)) as [Answer];
    const [row] = await region.rows("SELECT above FROM questions WHERE id = ?", answer.id);
    const above = JSON.parse(row?.above as string) as { scores: Record<string, number> };
    expect(answer.scores).not.toEqual(above.scores);
    expect(Object.values(answer.scores).reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 9);
  });
});

describe("labels that come only where the rung above was unsure", () => {
  it("do not compare it with the edge", async () => {
    const open = new TestRegion("open", "south");
    await publish({ model: "open" });
    const ids = Array.from({ length: 10 }, (_, i) => `open~south~${i}`);
    await open.ask(
      ids.map((_, i) => instance(i, "south")),
      ids,
    );
    for (const id of ids) {
      await open.inside((object) => object.recordHumanLabel({ id, label: "a", instance: null, at: 1 }));
    }
    const { escalation } = await open.inside((object) => object.state(1));
    expect(escalation?.counted.pairs).toBe(0);
    await open.teach(ids.map((id) => ({ id, label: "b" })));
  });
});
