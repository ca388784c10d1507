import * as z from "zod";
import { labelSourceSchema } from "./label.ts";
import { questionIdSchema } from "./question.ts";
import { regionSchema } from "./region.ts";
import { numberAnswerFields } from "./regress.ts";

/** The rungs of the ladder, from the edge up. */
export const rungs = ["edge", "region", "origin", "human"] as const;
export const rungSchema = z.enum(rungs);
export type RungName = z.infer<typeof rungSchema>;

/** Describes an object with one value for each rung. */
export function eachRung<T extends z.ZodType>(value: T) {
  return z.strictObject(Object.fromEntries(rungs.map((rung) => [rung, value])) as Record<RungName, T>);
}

/** An upper bound on the error rate of accepted answers, and the labels that prove it. */
export const certificateSchema = z
  .strictObject({
    targetRisk: z.number(),
    confidence: z.number(),
    /** The upper bound of the error rate among accepted answers. */
    bound: z.number(),
    coverage: z.number(),
    labels: z.int(),
    source: labelSourceSchema,
    /**
     * The questions that it covers: those of one region; `global` for the held-out rows of all regions; `group:world` for
     * the questions of all regions with the parent `world`, weighted by traffic, which promises nothing for one region.
     */
    scope: z.string(),
    window: z.strictObject({ from: z.string(), to: z.string() }),
  })
  .meta({ id: "Certificate" });
export type Certificate = z.infer<typeof certificateSchema>;

/** Why a rule has no certificate: `pending` means too few labels, `void` means that the rule was proven wrong. */
export const uncertifiedSchema = z
  .strictObject({
    status: z.enum(["pending", "void"]),
    reason: z.string(),
    /** Labels of accepted questions so far, and how many more are needed at the current error rate. Null: cannot be certified. */
    labels: z.int(),
    labelsNeeded: z.int().nullable(),
    /** The day on which it has those labels, at the rate so far; absent where unknown. */
    expected: z.string().optional(),
  })
  .meta({ id: "Uncertified" });
export type Uncertified = z.infer<typeof uncertifiedSchema>;

/** The calibrated scores of one head, in the order of the model's labels. */
export const traceEntrySchema = z.strictObject({ head: z.string(), version: z.string(), scores: z.array(z.number()) });
export type TraceEntry = z.infer<typeof traceEntrySchema>;

export const answerSchema = z
  .strictObject({
    id: questionIdSchema,
    model: z.string(),
    region: regionSchema,
    /** `open`: the question has escalated and has no final answer yet; this answer is provisional. */
    status: z.enum(["answered", "open"]),
    /** The label; of a model of numbers, `value` as text. */
    label: z.string(),
    /** The score of each label among all labels of the model; where the question has candidates, of these only. */
    scores: z.record(z.string(), z.number()),
    /** The score of `label`. */
    confidence: z.number(),
    /** The best labels in order, as many as the question asked for with `top`; absent unless it did. */
    top: z.array(z.strictObject({ label: z.string(), score: z.number() })).optional(),
    ...numberAnswerFields,
    /** Whether a rung's rule accepted the answer, or a person or the true label gave it. */
    accepted: z.boolean(),
    rung: rungSchema,
    version: z.string(),
    certificate: certificateSchema.nullable(),
    /**
     * Present where this is the provisional answer, since the region is saturated or can't be reached, or since its caller
     * has as many questions with people as it may. No rung will improve it. While the answer is `open`: its node can't reach
     * the rung above now, and will ask it later.
     */
    degraded: z.literal(true).optional(),
    /** Why the region has no certificate of its own. Absent if it has one, or if no rung has a rule. */
    uncertified: uncertifiedSchema.optional(),
    trace: z.array(traceEntrySchema).optional(),
    /** What the caller may want to correct: fields that were ignored, a region that is not listed. */
    warnings: z.array(z.string()).optional(),
  })
  .meta({ id: "Answer" });
export type Answer = z.infer<typeof answerSchema>;

export const answersSchema = z.strictObject({ answers: z.array(answerSchema) }).meta({ id: "Answers" });

/** The reply of a tensor model: the values of each output as nested arrays, with null for NaN and infinities. */
export const tensorAnswerSchema = z
  .strictObject({
    model: z.string(),
    version: z.string(),
    rung: z.literal("edge"),
    outputs: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "TensorAnswer" });
export type TensorAnswer = z.infer<typeof tensorAnswerSchema>;

/** The answers of a tensor model to a batch. */
export const tensorAnswersSchema = z
  .strictObject({ answers: z.array(tensorAnswerSchema) })
  .meta({ id: "TensorAnswers" });

/** The reply of `ask`: one answer, or the answers of a batch. */
export const askReplySchema = z
  .union([answerSchema, answersSchema, tensorAnswerSchema, tensorAnswersSchema])
  .meta({ id: "AskReply" });
