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

export const decisionsMax = 400;

const described = z.union([z.string(), z.record(z.string(), z.unknown()), z.array(z.unknown())]);
const instructions = described.nullish();
const hasTwo = (most: number) => (criteria: object) => {
  const n = Object.keys(criteria).length;
  return n >= 2 && n <= most;
};

const questionSchema = z.discriminatedUnion("type", [
  z.looseObject({
    type: z.literal("noul"),
    instructions,
    criteria: z.looseObject({ true: described.nullish(), false: described.nullish() }).nullish(),
  }),
  z.looseObject({
    type: z.literal("choice"),
    instructions,
    criteria: z
      .record(z.string().min(1), described.nullable())
      .refine(hasTwo(255), "an object of 2 to 255 options, each with a description or null"),
  }),
  z.looseObject({
    type: z.literal("score"),
    instructions,
    criteria: z.array(described).refine(hasTwo(10), "an array of 2 to 10 levels, the lowest first"),
  }),
]);

/** The body of `POST /v1/systemone`. Fields that are not listed are ignored. */
export const systemOneRequestSchema = z
  .looseObject({
    model: z.string().min(1),
    /** What the questions are about: text, or the columns of an instance. */
    state: described,
    questions: z.record(z.string().min(1), questionSchema).refine((questions) => {
      const n = Object.keys(questions).length;
      return n > 0 && n <= decisionsMax;
    }, `an object of 1 to ${decisionsMax} questions`),
  })
  .meta({ id: "SystemOneRequest" });
export type SystemOneRequest = z.infer<typeof systemOneRequestSchema>;

const probability = z.number().min(0).max(1);
const answerSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("noul"), noul: probability }),
  z.strictObject({
    type: z.literal("choice"),
    choice: z.string(),
    probabilities: z.record(z.string(), probability),
    confidence: probability,
  }),
  z.strictObject({
    type: z.literal("score"),
    /** The expected level; 0 is the lowest. */
    score: z.number().nonnegative(),
    legend: z.record(z.string(), z.unknown()),
    probabilities: z.record(z.string(), probability),
    confidence: probability,
  }),
]);

/** The reply of `POST /v1/systemone`. */
export const systemOneReplySchema = z
  .strictObject({
    model: z.string(),
    answers: z.record(z.string(), answerSchema),
    usage: z.strictObject({ input_tokens: z.int().nonnegative(), output_tokens: z.int().nonnegative() }),
  })
  .meta({ id: "SystemOneReply" });
export type SystemOneReply = z.infer<typeof systemOneReplySchema>;

/** The reply of System One to a request that is refused: a list of fields (422), or one reason. */
export const systemOneErrorSchema = z
  .strictObject({
    detail: z.union([
      z.array(z.strictObject({ loc: z.array(z.union([z.string(), z.int()])), msg: z.string(), type: z.string() })),
      z.strictObject({ error_type: z.string(), message: z.string() }),
    ]),
  })
  .meta({ id: "SystemOneError" });

/** Reads the questions of a request. */
export function readSystemOne({ model, state, questions }: SystemOneRequest): DecisionRequest {
  const decisions = Object.entries(questions).map(([id, question]): Decision => {
    const common = { id, instructions: textOf(question.instructions) ?? "" };
    if (question.type === "noul") {
      const { true: yes, false: no } = question.criteria ?? {};
      const options = [yes, no].map((description, i) => ({ value: i === 0, description: textOf(description) }));
      return { ...common, type: "yes-no", options };
    }
    if (question.type === "score") {
      const options = question.criteria.map((level) => ({ value: textOf(level) as string, description: null }));
      return { ...common, type: "score", options };
    }
    const entries = Object.entries(question.criteria);
    const options = entries.map(([value, description]) => ({ value, description: textOf(description) }));
    return { ...common, type: "choice", options };
  });
  return { model, state, decisions };
}

/** Writes the reply to a request: a distribution for each of its questions, in their order. */
export function writeSystemOne(
  { questions }: SystemOneRequest,
  distributions: readonly Distribution[],
  { model, inputTokens = 0 }: { model: string; inputTokens?: number },
): SystemOneReply {
  const answers = Object.entries(questions).map(([id, question], i): [string, SystemOneReply["answers"][string]] => {
    const p = distributions[i] as Distribution;
    if (question.type === "noul") return [id, { type: "noul", noul: rounded(p[0] as number) }];
    const keyed = (keys: readonly string[], values: readonly unknown[]) =>
      Object.fromEntries(keys.map((key, k) => [key, values[k]]));
    if (question.type === "score") {
      const levels = question.criteria.map((_, level) => String(level));
      return [
        id,
        {
          type: "score",
          score: rounded(expectedLevel(p)),
          legend: keyed(levels, question.criteria),
          probabilities: keyed(levels, p.map(rounded)) as Record<string, number>,
          confidence: rounded(scoreConfidence(p)),
        },
      ];
    }
    const options = Object.keys(question.criteria);
    return [
      id,
      {
        type: "choice",
        choice: options[p.indexOf(Math.max(...p))] as string,
        probabilities: keyed(options, p.map(rounded)) as Record<string, number>,
        confidence: rounded(choiceConfidence(p)),
      },
    ];
  });
  return {
    model,
    answers: Object.fromEntries(answers),
    usage: { input_tokens: inputTokens, output_tokens: 0 },
  };
}

function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}
