import { beforeAll, describe, expect, it } from "vitest";
import type { Question } from "#core/contract/index.ts";
import { type Hop, InvalidQuestionsError, type Reply, type Rung, RungUnavailableError } from "#core/rung/rung.ts";

export interface RungCase {
  rung: Rung;
  /** Whole questions that the rung takes, with ids that it has not heard. */
  questions: (n: number) => Question[];
  hop: Hop;
}

/**
 * What every rung does, wherever it runs.
 *
 * @param checksInput whether the rung itself checks instances, or leaves that to the one before or behind it
 */
export function testRung(name: string, checksInput: boolean, start: () => Promise<RungCase>): void {
  describe(`rung ${name}`, () => {
    let rung: Rung;
    let questions: RungCase["questions"];
    let hop: Hop;

    beforeAll(async () => {
      ({ rung, questions, hop } = await start());
    });

    it("gives one reply a question, in order, with scores that add up", async () => {
      const asked = questions(5);
      const replies = await rung.ask(asked, hop);
      expect(replies.map(({ answer }) => answer.id)).toEqual(asked.map(({ id }) => id));
      for (const { answer } of replies) {
        expect(answer.region).toBe(asked[0]?.region);
        expect(Object.values(answer.scores).reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 5);
        expect(answer.scores[answer.label]).toBe(Math.max(...Object.values(answer.scores)));
      }
    });

    it("answers a batch as it answers one by one", async () => {
      const asked = questions(3);
      const together = await rung.ask(asked, hop);
      for (const [i, question] of asked.entries()) {
        const [alone] = await rung.ask([question], hop);
        expect(alone?.answer.label).toBe(together[i]?.answer.label);
        expect(alone?.answer.confidence).toBeCloseTo(together[i]?.answer.confidence as number, 5);
      }
    });

    it("answers with one of a question's candidates, by the score among all labels", async () => {
      const asked = questions(2);
      const free = await rung.ask(asked, hop);
      const named = asked.map((question, i) => {
        const labels = Object.keys(free[i]?.answer.scores ?? {}).filter((label) => label !== free[i]?.answer.label);
        return { ...question, id: `${question.id}-named`, candidates: labels };
      });
      for (const [i, { answer }] of (await rung.ask(named, hop)).entries()) {
        const candidates = named[i]?.candidates as string[];
        expect(Object.keys(answer.scores).toSorted()).toEqual(candidates.toSorted());
        expect(candidates).toContain(answer.label);
        expect(answer.certificate).toBeNull();
        for (const label of candidates) expect(answer.scores[label]).toBeCloseTo(free[i]?.answer.scores[label] ?? 0, 5);
      }
    });

    it("gives its heads' scores where they are asked for, and only there", async () => {
      const [plain] = await rung.ask(questions(1), hop);
      const [traced] = await rung.ask(questions(1), { ...hop, trace: true });
      expect(plain?.answer.trace).toBeUndefined();
      expect(traced?.answer.trace?.length).toBeGreaterThan(0);
    });

    it("never answers with NaN, however large a value is", async () => {
      const [question] = questions(1) as [Question];
      const columns = Object.entries(question.instance as Record<string, unknown>);
      const instance = Object.fromEntries(
        columns.map(([name, value]) => [name, typeof value === "number" ? 3e38 : value]),
      ) as Question["instance"];
      const asked = await rung.ask([{ ...question, instance }], hop).catch((thrown: unknown) => thrown);
      if (asked instanceof InvalidQuestionsError || asked instanceof RungUnavailableError) return;
      for (const { answer } of asked as Reply[]) expect(Object.values(answer.scores).every(Number.isFinite)).toBe(true);
    });

    if (!checksInput) return;
    it("refuses questions that it can't take, naming each", async () => {
      const [good, bad] = questions(2) as [Question, Question];
      const asked = [good, { ...bad, instance: { x0: "known" } }];
      const error = await rung.ask(asked, hop).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InvalidQuestionsError);
      expect((error as InvalidQuestionsError).faults[0]).toMatchObject({ index: 1, path: "x0" });
    });
  });
}
