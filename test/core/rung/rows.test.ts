import { describe, expect, it } from "vitest";
import { InvalidQuestionsError } from "#core/rung/rung.ts";
import { type ModelOptions, testNumber } from "#test/helpers/model.ts";
import { hop, modelRung, questions } from "#test/helpers/rung.ts";

const models: [string, ModelOptions][] = [
  ["a classifier", { threshold: 0.4 }],
  ["labels that look like indexes", { threshold: 0.4, labels: ["10", '"', "2"] }],
  ["a model of numbers", { number: testNumber, threshold: 0.3 }],
  ["a model that answers with a certificate alone", { threshold: 0, policy: { uncertified: "escalate" } }],
];

describe("rows of one region", () => {
  it.each(models)("of %s are answered as questions are, also as text", async (_, options) => {
    const rung = await modelRung("edge", options);
    const asked = questions(100);
    const replies = await rung.ask(asked, hop);
    const scored = rung.askRows({ count: 100, instanceOf: (row) => asked[row]?.instance ?? [] }, "north");
    for (const [row, { answer, inference }] of replies.entries()) {
      const own = scored.replyOf(row, { id: answer.id });
      expect(own.answer).toEqual(answer);
      expect(own.inference?.()).toEqual(inference?.());
      expect(scored.isAccepted(row)).toBe(answer.accepted);
      expect(scored.textOf(row, answer.id)).toBe(JSON.stringify(answer));
    }
  });

  it("name what is invalid by its row", async () => {
    const rung = await modelRung("edge");
    const [first, second] = questions(2);
    const instances = [first?.instance ?? [], { ...second?.instance, x0: "far" }];
    const ask = () => rung.askRows({ count: 2, instanceOf: (row) => instances[row] ?? [] }, "north");
    expect(ask).toThrow(InvalidQuestionsError);
    expect(ask).toThrow(expect.objectContaining({ faults: [expect.objectContaining({ index: 1, path: "x0" })] }));
  });
});
