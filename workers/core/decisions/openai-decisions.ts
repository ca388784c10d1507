import * as z from "zod";
import {
  choiceConfidence,
  type Decision,
  type DecisionRequest,
  type Distribution,
  expectedLevel,
  rounded,
  scoreConfidence,
} from "./decision.ts";
import { decisionsMax } from "./system-one.ts";

const part = z.looseObject({ type: z.string(), text: z.string().optional(), data: z.unknown().optional() });
const instructions = z.union([z.string().min(1), z.array(part).min(1)]);
const name = z.string().optional();

const questionSchema = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("predicate"), name, instructions }),
  z.looseObject({
    type: z.literal("choice"),
    name,
    instructions,
    choices: z
      .array(z.looseObject({ value: z.union([z.string(), z.boolean()]), description: z.string().optional() }))
      .min(2)
      .max(255)
      .refine((choices) => new Set(choices.map(({ value }) => value)).size === choices.length, "different choices"),
  }),
  z.looseObject({
    type: z.literal("score"),
    name,
    instructions,
    levels: z
      .array(z.looseObject({ label: z.string(), description: z.string().optional() }))
      .min(2)
      .max(10),
  }),
]);

const message = z.looseObject({
  type: z.literal("message").optional(),
  role: z.literal("user"),
  content: z.union([z.string(), z.array(part).min(1)]),
});

/** The body of `POST /v1/decisions`. Fields that are not listed are ignored. */
export const decisionsRequestSchema = z
  .looseObject({
    model: z.string().min(1),
    /** Text, or one message of the user: text, or an instance as `input_json`. */
    input: z.union([z.string(), z.array(message).length(1)]),
    questions: z.array(questionSchema).min(1).max(decisionsMax),
  })
  .meta({ id: "DecisionsRequest" });
export type DecisionsRequest = z.infer<typeof decisionsRequestSchema>;

const probability = z.number().min(0).max(1);
const named = { name: z.string().nullable() };
const answerSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("predicate"), ...named, probability }),
  z.strictObject({
    type: z.literal("choice"),
    ...named,
    choice: z.union([z.string(), z.boolean()]),
    probabilities: z.array(z.strictObject({ value: z.union([z.string(), z.boolean()]), probability })),
    confidence: probability,
  }),
  z.strictObject({
    type: z.literal("score"),
    ...named,
    /** The expected level; 0 is the lowest. */
    score: z.number().nonnegative(),
    probabilities: z.array(z.strictObject({ value: z.int(), label: z.string(), probability })),
    confidence: probability,
  }),
]);

/** The reply of `POST /v1/decisions`: answers in the order of the questions. */
export const decisionsReplySchema = z
  .strictObject({
    model: z.string(),
    answers: z.array(answerSchema),
    usage: z.strictObject({
      input_tokens: z.int(),
      input_tokens_details: z.strictObject({ cached_tokens: z.int(), cache_write_tokens: z.int() }),
      output_tokens: z.int(),
      output_tokens_details: z.strictObject({ reasoning_tokens: z.int() }),
      total_tokens: z.int(),
    }),
  })
  .meta({ id: "DecisionsReply" });
export type DecisionsReply = z.infer<typeof decisionsReplySchema>;

/** OpenAI's error. */
export const decisionsErrorSchema = z
  .strictObject({
    error: z.strictObject({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .meta({ id: "DecisionsError" });

/** Reads the questions of a request. */
export function readDecisions({ model, input, questions }: DecisionsRequest): DecisionRequest {
  const decisions = questions.map((question): Decision => {
    const common = { id: question.name ?? null, instructions: textOf(question.instructions) };
    if (question.type === "predicate") {
      const options = [true, false].map((value) => ({ value, description: null }));
      return { ...common, type: "yes-no", options };
    }
    const options =
      question.type === "choice"
        ? question.choices.map(({ value, description = null }) => ({ value, description }))
        : question.levels.map(({ label, description = null }) => ({ value: label, description }));
    return { ...common, type: question.type, options };
  });
  return { model, state: stateOf(input), decisions };
}

/** Writes the reply to a request: a distribution for each of its questions, in their order. */
export function writeDecisions(
  { questions }: DecisionsRequest,
  distributions: readonly Distribution[],
  { model, inputTokens = 0 }: { model: string; inputTokens?: number },
): DecisionsReply {
  const answers = questions.map((question, i): DecisionsReply["answers"][number] => {
    const p = distributions[i] as Distribution;
    const common = { name: question.name ?? null };
    if (question.type === "predicate") {
      return { type: "predicate", ...common, probability: rounded(p[0] as number) };
    }
    if (question.type === "score") {
      const probabilities = question.levels.map(({ label }, value) => ({
        ...{ value, label },
        probability: rounded(p[value] as number),
      }));
      const score = rounded(expectedLevel(p));
      return { type: "score", ...common, score, probabilities, confidence: rounded(scoreConfidence(p)) };
    }
    const values = question.choices.map(({ value }) => value);
    return {
      type: "choice",
      ...common,
      choice: values[p.indexOf(Math.max(...p))] as string | boolean,
      probabilities: values.map((value, k) => ({ value, probability: rounded(p[k] as number) })),
      confidence: rounded(choiceConfidence(p)),
    };
  });
  const usage = {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
    output_tokens: 0,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens,
  };
  return { model, answers, usage };
}

type Part = z.infer<typeof part>;

function stateOf(input: DecisionsRequest["input"]): string | object {
  if (typeof input === "string") return input;
  const content = input[0]?.content ?? "";
  if (typeof content === "string") return content;
  const [only] = content;
  const isJson = content.length === 1 && only?.type === "input_json";
  return isJson && typeof only.data === "object" && only.data !== null ? only.data : textOf(content);
}

function textOf(given: string | readonly Part[]): string {
  if (typeof given === "string") return given;
  return given.map(({ text, data }) => text ?? (data === undefined ? "" : JSON.stringify(data))).join("\n");
}
