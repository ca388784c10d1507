import * as z from "zod";
import { labelSourceSchema } from "./label.ts";
import { questionIdSchema } from "./question.ts";
import { regionSchema } from "./region.ts";

/** The places that can answer, bottom to top. */
export const rungs = ["edge", "region", "origin", "human"] as const;
export const rungSchema = z.enum(rungs);
export type RungName = z.infer<typeof rungSchema>;

/** A bound on the error of accepted answers, and what it rests on. */
export const certificateSchema = z
  .strictObject({
    targetRisk: z.number(),
    confidence: z.number(),
    /** The upper bound of the error rate among accepted answers. */
    bound: z.number(),
    coverage: z.number(),
    labels: z.int(),
    source: labelSourceSchema,
    /** Whose questions it speaks for: a region, or `global`, the pooled mix, which is no region's. */
    scope: z.string(),
    window: z.strictObject({ from: z.string(), to: z.string() }),
  })
  .meta({ id: "Certificate" });
export type Certificate = z.infer<typeof certificateSchema>;

/** What stands in a certificate's way: `pending` until enough labels came, `void` when the rule was proven wrong. */
export const uncertifiedSchema = z
  .strictObject({
    status: z.enum(["pending", "void"]),
    reason: z.string(),
    /** Labels of accepted questions so far, and how many more are needed at their present error; null: never. */
    labels: z.int(),
    labelsNeeded: z.int().nullable(),
  })
  .meta({ id: "Uncertified" });
export type Uncertified = z.infer<typeof uncertifiedSchema>;

/** Calibrated scores of one head, in the order of the model's labels. */
export const traceEntrySchema = z.strictObject({ head: z.string(), version: z.string(), scores: z.array(z.number()) });
export type TraceEntry = z.infer<typeof traceEntrySchema>;

export const answerSchema = z
  .strictObject({
    id: questionIdSchema,
    model: z.string(),
    region: regionSchema,
    /** `open`: a higher rung has it; what is given meanwhile is provisional. */
    status: z.enum(["answered", "open"]),
    label: z.string(),
    scores: z.record(z.string(), z.number()),
    confidence: z.number(),
    /** Whether a rung's rule, a person or the world stands behind it. */
    accepted: z.boolean(),
    rung: rungSchema,
    version: z.string(),
    certificate: certificateSchema.nullable(),
    /** Why there is no certificate; left out where one is there, or where no rung has a rule to certify. */
    uncertified: uncertifiedSchema.optional(),
    trace: z.array(traceEntrySchema).optional(),
  })
  .meta({ id: "Answer" });
export type Answer = z.infer<typeof answerSchema>;

export const answersSchema = z.strictObject({ answers: z.array(answerSchema) }).meta({ id: "Answers" });

/** What a model of tensors gives: each output's values as nested arrays, null where a value is no number. */
export const tensorAnswerSchema = z
  .strictObject({
    model: z.string(),
    version: z.string(),
    rung: z.literal("edge"),
    outputs: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "TensorAnswer" });
export type TensorAnswer = z.infer<typeof tensorAnswerSchema>;

/** Answers of a batch: of a model that classifies, or of one of tensors. */
export const tensorAnswersSchema = z
  .strictObject({ answers: z.array(tensorAnswerSchema) })
  .meta({ id: "TensorAnswers" });

/** What `ask` replies: one answer, or those of a batch. */
export const askReplySchema = z
  .union([answerSchema, answersSchema, tensorAnswerSchema, tensorAnswersSchema])
  .meta({ id: "AskReply" });
