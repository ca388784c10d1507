import { beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { call, expectOk, publish } from "../helpers/edge.ts";
import type { ModelOptions } from "../helpers/model.ts";
import { type LabelledQuestion, TestRegion } from "../helpers/region.ts";

const region = new TestRegion("mindful");
const policy: ModelOptions["policy"] = { keep: "all", truth: "complete", ladder: ["edge", "region", "human"] };
const labelled = region.labelledQuestions(900);

beforeAll(async () => {
  // The edge is sure of nothing: whatever is asked escalates to the region.
  await publish({
    model: region.model,
    threshold: 1.01,
    hidden: [32, 24],
    policy: { ...policy, learning: ["semantic-cache"] },
  });
});

/** Asks the labelled questions again, each under a new id. */
async function again(some: readonly LabelledQuestion[], name: string, body: object = {}): Promise<Answer[]> {
  return region.ask(
    some.map(({ question }) => question.instance),
    some.map((_, i) => `${region.model}~north~${name}-${i}`),
    body,
  );
}

describe("the semantic cache", () => {
  it("is off until escalated questions certify it", async () => {
    await region.teach(labelled);
    await region.retrain();
    expect(
      (await again(labelled.slice(0, 5), "early")).every(({ rung, status }) => rung !== "region" && status === "open"),
    ).toBe(true);
    expect((await region.inside((object) => object.state(1))).semanticCache?.radius).toBeNull();
  });

  it("answers repeated questions once escalated questions have certified it", async () => {
    const some = labelled.slice(0, 500);
    const asked = await again(some, "again");
    await region.teach(asked.map(({ id }, i) => ({ id, label: (some[i] as LabelledQuestion).label })));
    await region.retrain();
    const { semanticCache } = await region.inside((object) => object.state(1));
    expect(semanticCache).toMatchObject({ radius: expect.any(Number), report: { certified: true } });
    const answers = await again(labelled.slice(500, 600), "late");
    const fromCache = answers.filter(({ rung, accepted }) => rung === "region" && accepted);
    expect(fromCache.length).toBeGreaterThan(30);
    for (const answer of fromCache) {
      const { label } = labelled[500 + answers.indexOf(answer)] as LabelledQuestion;
      expect(answer).toMatchObject({ status: "answered", label, certificate: null });
    }
  });

  it("counts in the region's certificate as accepted, as the edge's answers do", async () => {
    const trials = await region.rows("SELECT id FROM trials");
    expect(trials.length).toBeGreaterThan(30);
    expect(trials.every(({ id }) => (id as string).includes("late"))).toBe(true);
  });

  it("answers a question with candidates only where its label is one of them, and counts it in no certificate", async () => {
    const some = labelled.slice(500, 600);
    const trials = await region.rows("SELECT id FROM trials");
    const free = await again(some, "free");
    for (const candidates of [["a"], ["b", "c"]]) {
      const answers = await again(some, `of-${candidates.length}`, { candidates });
      for (const [i, { label, rung, accepted, certificate, scores, confidence }] of answers.entries()) {
        expect(candidates).toContain(label);
        const cached = free[i] as Answer;
        const isFromCache = cached.rung === "region" && candidates.includes(cached.label);
        expect([rung === "region", accepted]).toEqual([isFromCache, isFromCache]);
        if (!isFromCache) continue;
        expect([label, confidence, certificate]).toEqual([cached.label, cached.confidence, null]);
        expect(Object.keys(scores)).toEqual(candidates);
      }
    }
    const now = await region.rows("SELECT id FROM trials");
    expect(now.filter(({ id }) => (id as string).includes("of-"))).toEqual([]);
    expect(now.length).toBeGreaterThan(trials.length);
  });

  it("remembers no label of a token without trust: neighbours agree as before", async () => {
    const some = labelled.slice(500, 600);
    const before = await again(some, "before");
    const known = some.filter((_, i) => before[i]?.rung === "region").slice(0, 5);
    const questions = known.map(({ question: { instance } }, i) => ({
      id: `${region.model}~north~lie-${i}`,
      instance,
    }));
    const token = "stranger-token";
    await expectOk(call("POST", `/v1/models/${region.model}/ask`, { token, body: { questions } }));
    for (const { id } of questions) {
      await expectOk(call("POST", `/v1/questions/${id}/truth`, { token, body: { label: "c" } }));
    }
    const train =
      "SELECT count(*) AS n FROM samples s JOIN embeddings USING (number) WHERE trusted = 0 AND split = 'train'";
    expect((await region.rows(train))[0]?.n).toBeGreaterThan(0);
    const said = (answers: Answer[]) => answers.map(({ label, rung, confidence }) => ({ label, rung, confidence }));
    expect(said(await again(some, "after"))).toEqual(said(before));
  });

  it("uses a corrected label at once: the neighbours no longer agree", async () => {
    // Only train is remembered.
    const train = (await region.rows("SELECT id FROM samples WHERE split = 'train'")).map(({ id }) => id);
    const remembered = labelled.slice(600).filter(({ question }) => train.includes(question.id));
    const answers = await again(remembered, "twice");
    const question = remembered[
      answers.findIndex(({ rung, accepted }) => rung === "region" && accepted)
    ] as LabelledQuestion;
    await region.teach([{ id: question.question.id, label: "c" }]);
    const [corrected] = (await again([question], "corrected")) as [Answer];
    expect(corrected.accepted && corrected.label !== "c").toBe(false);
    await expectOk(call("DELETE", `/v1/questions/${question.question.id}`));
    const [after] = (await again([question], "forgotten")) as [Answer];
    expect(after.accepted && after.label === "c").toBe(false);
  });
});
