import { describe, expect, it } from "vitest";
import type { Answer, RegionState } from "#core/contract/index.ts";
import { choose, uncertifiedChoice } from "#core/rung/candidates.ts";
import { type AloneAnswer, checkChoice, summariseChoice } from "#scripts/replay/choice.ts";
import { emptyPlayed, record } from "#scripts/replay/played.ts";
import { stockOf } from "#scripts/replay/stock.ts";
import { testModel } from "../helpers/model.ts";

const labels = ["a", "b", "c"];
const stock = new Map([["north", ["b", "c"]]]);

/** True labels, with the scores among all labels. */
const questions: [string, number[]][] = [
  ["b", [0.1, 0.8, 0.1]],
  ["c", [0.05, 0.85, 0.1]],
  ["a", [0.9, 0.06, 0.04]],
  ["c", [0.2, 0.3, 0.5]],
];
const threshold = 0.75;

const played = emptyPlayed(questions.length, labels.length);
for (const [row, [label, scores]] of questions.entries()) {
  const choice = choose(labels, scores, stock.get("north"));
  const accepted = choice.confidence >= threshold;
  const answer: Answer = {
    ...{ id: `shop~north~${row}`, model: "shop", region: "north", version: "1", rung: "edge", status: "answered" },
    ...{ ...choice, accepted, ...uncertifiedChoice(), trace: [{ head: "global", version: "1", scores }] },
  };
  record(played, row, { region: "north", instance: {}, label, at: row }, answer, labels);
}
const rows = questions.map((_, row) => row);

describe("the stock of a region", () => {
  it("is what it had most often before, in the order of the labels", () => {
    const row = (region: string, label: string, at: number) => ({ region, label, at, instance: {} });
    const sold = [row("north", "c", 1), row("north", "b", 2), row("north", "c", 3), row("south", "a", 1)];
    const later = Array.from({ length: 9 }, () => row("north", "a", 10));
    const found = stockOf([...sold, ...later], labels, 10, 2);
    expect([...found]).toEqual([
      ["north", ["b", "c"]],
      ["south", ["a", "b"]],
    ]);
  });
});

describe("restricted answers of a replay", () => {
  it("are summarised by region, with their realised error", () => {
    const { all, byRegion } = summariseChoice(played, rows, { labels, stock });
    expect(all).toMatchObject({ questions: 4, stocked: 0.75, accuracy: 0.5, accuracyStocked: 2 / 3, outside: 0 });
    expect(all).toMatchObject({ accepted: 2, coverage: 0.5, error: 0.5 });
    expect(byRegion).toEqual({ north: { ...all, candidates: ["b", "c"] } });
  });

  it("that name a label outside the candidates are counted", () => {
    const other = new Map([["north", ["a", "c"]]]);
    expect(summariseChoice(played, rows, { labels, stock: other }).all.outside).toBe(4);
  });

  it("are compared with the rule of the region, by the scores among all labels", async () => {
    const { manifest } = await testModel({ labels, policy: { uncertified: "answer" } });
    const states = [{ region: "north", rule: { ...manifest.thin.rule, threshold }, headManifest: null }];
    const alone = rows.flatMap((row) =>
      labels.map((candidate, i): AloneAnswer => {
        const confidence = questions[row]?.[1][i] as number;
        return { row, candidate, answer: { label: candidate, confidence, accepted: confidence >= threshold } };
      }),
    );
    const context = { manifest, states: states as unknown as RegionState[], stock };
    const check = checkChoice(played, alone, context);
    expect(check).toEqual({
      unrestricted: { asked: 4, accepted: 3, error: 1 / 3 },
      restricted: { asked: 4, accepted: 2, error: 0.5 },
      // (0.06, 0.04) among the two would be sure enough only by a lower threshold; (0.8, 0.1) is surer than among all.
      renormalised: { asked: 4, accepted: 2, error: 0.5 },
      aloneBest: { asked: 4, accepted: 3, error: 1 / 3 },
      aloneOther: { asked: 8, accepted: 0, error: null },
      exceptions: { label: 0, score: 0, acceptance: 0 },
    });
    const wrong = alone.map((one) => ({ ...one, answer: { label: "a", confidence: 1, accepted: true } }));
    expect(checkChoice(played, wrong, context).exceptions).toEqual({ label: 8, score: 12, acceptance: 9 });
  });
});
