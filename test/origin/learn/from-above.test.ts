import { beforeAll, describe, expect, it } from "vitest";
import { acceptNothing } from "#core/confidence/rule.ts";
import type { SampleLine } from "#core/contract/index.ts";
import { samplesWaitedFor, startingVersion } from "#origin/learn/from-above.ts";
import { type LearnResult, learn } from "#origin/learn/index.ts";
import { mixSamples } from "#origin/learn/mix.ts";
import { type Recipe, type Row, recipeOfDocument } from "#origin/recipes/index.ts";
import { recipeOfLabels } from "#origin/recipes/label-list.ts";
import { train } from "#origin/train/index.ts";
import { judge } from "#origin/train/judge.ts";
import { assignSplits } from "#origin/train/splits.ts";
import { seeded } from "../../helpers/random.ts";
import { sampleOf } from "./sample.ts";

const words: Record<string, string[]> = {
  account: ["password", "login", "profile", "email", "username"],
  billing: ["invoice", "refund", "charged", "payment", "price"],
  delivery: ["parcel", "late", "courier", "lost", "address"],
};
const labels = Object.keys(words);
const filler = ["please", "help", "my", "the", "again", "today", "why", "was", "number", "it"];
const random = seeded(3);
const oneOf = (list: readonly string[]) => list[Math.floor(random() * list.length)] as string;

// One in four questions is about two things: there, neither rung can know which label is right.
const isHard = (i: number) => i % 4 === 3;
const otherOf = (label: string) => labels[(labels.indexOf(label) + 1) % labels.length] as string;

function row(i: number): Row {
  const label = oneOf(labels);
  const [one, two] = [oneOf(words[label] as string[]), oneOf(words[isHard(i) ? otherOf(label) : label] as string[])];
  const pair = random() < 0.5 ? [one, two] : [two, one];
  return { region: "world", instance: { text: [oneOf(filler), ...pair, `${i}`].join(" ") }, label, at: i };
}

// The rung above is sure and right, or torn between two labels and right on half of them.
function fromAbove({ label, at }: Row): { label: string; above: Record<string, number> } {
  if (!isHard(at)) return { label, above: Object.fromEntries(labels.map((one) => [one, one === label ? 0.98 : 0.01])) };
  const said = random() < 0.5 ? label : otherOf(label);
  const scores = labels.map((one) => [one, one === said ? 0.5 : one === label || one === otherOf(label) ? 0.48 : 0.02]);
  return { label: said, above: Object.fromEntries(scores) };
}

const asked = Array.from({ length: 700 }, (_, i) => row(i));
const later = Array.from({ length: 400 }, (_, i) => row(1_000 + i));
const escalated: SampleLine[] = asked.map((one, i) => {
  const { label, above } = fromAbove(one);
  const audit = i % 30 === 0 ? { label: one.label, source: "human" as const } : { label, source: "origin" as const };
  return { ...sampleOf(one, { ...audit, id: `e${i}` }), above };
});
// What the edge accepts is what it is sure of.
const sure = later.filter(({ at }) => !isHard(at)).slice(0, 30);
// Each audit stands for 33 questions, so that the traffic has one hard question in ten.
const traffic = later.filter(({ at }) => !isHard(at) || at % 12 === 3);
const accepted = sure.map((one, i) => {
  return sampleOf(one, { id: `a${i}`, source: "human", inclusionProbability: 0.03 });
});

let recipe: Recipe;
let learned: LearnResult;
const unserved = { current: null, stored: null };

beforeAll(async () => {
  const document = recipeOfLabels(
    "tickets",
    labels.map((name) => ({ name, description: null })),
  );
  recipe = await recipeOfDocument({ ...document, training: { epochs: 12 } }, "/nowhere");
  learned = await learn(recipe, { samples: [...escalated, ...accepted], ...unserved });
});

describe("the first version of a recipe without rows", () => {
  it("accepts nothing, and says the same of every label", async () => {
    const { draft, blobs } = await startingVersion(recipe);
    expect(draft.thin.rule).toMatchObject({ threshold: acceptNothing, certificate: null });
    expect(draft.thin.rule.uncertified?.status).toBe("pending");
    expect(draft).toMatchObject({ full: null, trainedOn: { rows: 0 } });
    expect(draft.recipe).toMatchObject({ source: [] });
    const { thin } = await judge(recipe, { draft, blobs }, later);
    expect(thin.accepted).toBe(0);
    expect(thin.logLoss).toBeCloseTo(Math.log(labels.length), 6);
  });

  it("is what an origin makes of too few samples; a later training says how many are needed", async () => {
    const { artefact, verdict } = await learn(recipe, { samples: escalated.slice(0, 40), ...unserved });
    expect([artefact.draft.trainedOn.rows, verdict]).toEqual([0, null]);
    const current = { spec: artefact.draft.thin, blobs: artefact.blobs, trained: artefact.draft };
    const again = learn(recipe, { samples: escalated.slice(0, 40), current, stored: null });
    await expect(again).rejects.toThrow("has 40 answered questions to learn from; 100 are needed");
  });

  it("is not trained from rows: the message says what to do", async () => {
    await expect(train(recipe)).rejects.toThrow("npx upriver train tickets --learn");
  });
});

describe("a version that was trained from above", () => {
  it("starts at a predicted threshold and certifies nothing", async () => {
    const { draft, blobs } = learned.artefact;
    const { rule } = draft.thin;
    expect(rule.certificate).toBeNull();
    expect(rule.uncertified).toMatchObject({
      status: "pending",
      reason: expect.stringContaining("is predicted by the rung above"),
    });
    expect(rule.threshold).toBeLessThan(1);
    expect(draft).toMatchObject({ full: null, anchor: null });
    expect(draft.trainedOn.sources.base).toBeUndefined();
    const { thin } = await judge(recipe, { draft, blobs }, traffic);
    expect(thin.accuracy).toBeGreaterThan(0.8);
    expect(thin.accepted).toBeGreaterThan(0.3);
    expect(thin.wrongOfAccepted).toBeLessThan(0.05);
  });

  it("holds out every audit of what the edge accepted, and a fifth of the rest", () => {
    const splits = assignSplits(recipe, mixSamples(recipe, [], [...escalated, ...accepted]));
    const audits = (part: "train" | "validation") =>
      splits[part].filter(({ inclusionProbability }) => inclusionProbability === 0.03).length;
    expect([audits("train"), audits("validation"), splits.calibration.length]).toEqual([0, accepted.length, 0]);
    const held = splits.validation.length / (escalated.length + accepted.length);
    expect(held).toBeGreaterThan(0.15);
    expect(held).toBeLessThan(0.28);
    expect(splits.report.uncertifiable).toBe("the recipe has no rows");
  });

  it("accepts less where audits find what the edge accepted to be wrong", async () => {
    const wrong = accepted.map((line, i) => ({
      ...line,
      label: labels.find((one) => one !== line.label) as string,
      id: `w${i}`,
    }));
    const { artefact } = await learn(recipe, { samples: [...escalated, ...wrong], ...unserved });
    expect(artefact.draft.thin.rule.threshold).toBeGreaterThan(learned.artefact.draft.thin.rule.threshold);
  });

  it("replaces the untrained one by the gate", async () => {
    const { draft, blobs } = await startingVersion(recipe);
    const { artefact } = await learn(recipe, { samples: escalated.slice(0, 300), ...unserved });
    const current = { spec: draft.thin, blobs, trained: draft };
    const { verdict } = await learn(recipe, { samples: escalated.slice(0, 300), current, stored: null });
    expect(verdict).toMatchObject({ promoted: true });
    expect(artefact.draft.thin.head.blob.sha256).not.toBe(draft.thin.head.blob.sha256);
  });
});

it("waits for 500 samples at first, and for half as many again after each training", () => {
  expect(samplesWaitedFor(0)).toBe(500);
  expect(samplesWaitedFor(400)).toBe(750);
  expect(samplesWaitedFor(4_000)).toBe(7_500);
});
