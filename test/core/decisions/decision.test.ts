import { describe, expect, it } from "vitest";
import { choiceConfidence, expectedLevel, scoreConfidence } from "#core/decisions/decision.ts";
import { decisionsRequestSchema, readDecisions, writeDecisions } from "#core/decisions/openai-decisions.ts";
import { readSystemOne, systemOneRequestSchema, writeSystemOne } from "#core/decisions/system-one.ts";

describe("the confidence of a decision", () => {
  it.each([
    [[1 / 3, 1 / 3, 1 / 3], 0],
    [[1, 0, 0], 1],
    [[0.7812, 0.1623, 0.0565], 0.6718],
  ])("in a choice %j is %d", (probabilities, confidence) => {
    expect(choiceConfidence(probabilities)).toBeCloseTo(confidence, 4);
  });

  it.each([
    [[0.05, 0.25, 0.7], 1.65, 0.475],
    [[1, 0, 0], 0, 1],
    [[0.5, 0, 0.5], 1, 0],
  ])("in a score %j, of level %d, is %d", (probabilities, level, confidence) => {
    expect(expectedLevel(probabilities)).toBeCloseTo(level, 4);
    expect(scoreConfidence(probabilities)).toBeCloseTo(confidence, 4);
  });
});

it("reads and writes System One: descriptions, levels and ids unchanged", () => {
  const body = systemOneRequestSchema.parse({
    ...{ model: "m", state: { a: 1 }, extra: true },
    questions: {
      "Größe ✓": { type: "score", instructions: null, criteria: ["Calm", { text: "Annoyed" }, "Furious"] },
      desk: { type: "choice", criteria: { damage: { en: "Broken" }, other: null } },
      photo: { type: "noul", instructions: "A photo?", criteria: { true: "yes" } },
    },
  });
  const { decisions } = readSystemOne(body);
  expect(decisions.map(({ type, options }) => [type, options.map(({ value }) => value)])).toEqual([
    ["score", ["Calm", '{"text":"Annoyed"}', "Furious"]],
    ["choice", ["damage", "other"]],
    ["yes-no", [true, false]],
  ]);
  const reply = writeSystemOne(
    body,
    [
      [0.05, 0.25, 0.7],
      [0.5, 0.5],
      [0.03, 0.97],
    ],
    { model: "demo-1" },
  );
  expect(reply.answers).toEqual({
    "Größe ✓": {
      ...{ type: "score", score: 1.65, confidence: 0.475, probabilities: { "0": 0.05, "1": 0.25, "2": 0.7 } },
      legend: { "0": "Calm", "1": { text: "Annoyed" }, "2": "Furious" },
    },
    desk: { type: "choice", choice: "damage", probabilities: { damage: 0.5, other: 0.5 }, confidence: 0 },
    photo: { type: "noul", noul: 0.03 },
  });
});

it("reads and writes OpenAI Decisions: typed values, names and order", () => {
  const body = decisionsRequestSchema.parse({
    model: "m",
    input: [
      {
        role: "user",
        content: [
          { type: "input_text", text: "Cracked" },
          { type: "input_text", text: "lid" },
        ],
      },
    ],
    questions: [
      { type: "choice", instructions: "Which?", choices: [{ value: "true" }, { value: true, description: "Really" }] },
      {
        type: "score",
        name: "tone",
        instructions: [{ type: "input_text", text: "How?" }],
        levels: [{ label: "Calm" }, { label: "Loud" }],
      },
    ],
  });
  const { state, decisions } = readDecisions(body);
  expect(state).toBe("Cracked\nlid");
  expect(decisions[1]).toMatchObject({ id: "tone", instructions: "How?" });
  const { answers } = writeDecisions(
    body,
    [
      [0.2, 0.8],
      [0.4, 0.6],
    ],
    { model: "m" },
  );
  expect(answers[0]).toMatchObject({ name: null, choice: true, probabilities: [{ value: "true" }, { value: true }] });
  expect(answers[1]).toMatchObject({
    name: "tone",
    score: 0.6,
    probabilities: [{ value: 0, label: "Calm" }, { value: 1 }],
  });
});

it.each([
  { model: "m", input: "x", questions: [] },
  { model: "m", input: "x", questions: [{ type: "predicate" }] },
  {
    model: "m",
    input: "x",
    questions: [{ type: "choice", instructions: "?", choices: [{ value: "a" }, { value: "a" }] }],
  },
  { model: "m", input: [{ role: "assistant", content: "x" }], questions: [{ type: "predicate", instructions: "?" }] },
])("refuses by OpenAI Decisions what is no request: %j", (body) => {
  expect(decisionsRequestSchema.safeParse(body).success).toBe(false);
});
