import * as z from "zod";
import { instanceSchema } from "./instance.ts";
import { regionSchema } from "./region.ts";
import { sha256Schema } from "./sha256.ts";

/** A picture of 198 × 198 × 3 numbers, each with all its digits, is 2.3 MB of JSON. */
export const bodyMaxBytes = 4 * 1024 * 1024;
export const batchMaxQuestions = 1024;
export const questionIdMaxChars = 256;
/** How many rungs a question may pass before it counts as a loop. */
export const viaMaxRungs = 8;
export const askTimeoutMs = 10_000;
/** How long a stored question is kept. */
export const questionKeepMs = 90 * 24 * 3600_000;

export const questionIdSchema = z.string().min(3).max(questionIdMaxChars);

/** What the rung below made of a question; void where the backbone is another. */
export const inferenceSchema = z.strictObject({
  backbone: sha256Schema,
  version: z.string(),
  embedding: z.array(z.number()),
  scores: z.array(z.number()),
  /** Whether the rung's threshold let the question pass, certified or not. */
  accepted: z.boolean(),
});
export type Inference = z.infer<typeof inferenceSchema>;

/** One instance to be answered, as it travels between rungs. */
export const questionSchema = z.strictObject({
  id: questionIdSchema,
  region: regionSchema,
  instance: instanceSchema,
  /** Data time, ms since 1970: when the question was asked; now, unless it is replayed. */
  at: z.int().nonnegative(),
  inference: inferenceSchema.optional(),
  audit: z.boolean().optional(),
});
export type Question = z.infer<typeof questionSchema>;

/** The part of a question that a caller may give; the edge fills in the rest. */
export const draftSchema = questionSchema.partial({ id: true, region: true, at: true }).meta({ id: "Draft" });
export type Draft = z.infer<typeof draftSchema>;

/** The body of `POST /v1/models/{model}/ask`, for callers and between rungs alike. */
export const askSchema = z
  .strictObject({
    instance: instanceSchema.optional(),
    instances: z.array(instanceSchema).min(1).max(batchMaxQuestions).optional(),
    questions: z.array(draftSchema).min(1).max(batchMaxQuestions).optional(),
    /** `always` takes the edge's answer whatever its confidence. */
    accept: z.enum(["rule", "always"]).optional(),
    /** Returns the scores of every head and rung; admin only. */
    trace: z.boolean().optional(),
    /** Keeps a caller on one side of a canary; the token's id by default. */
    caller: z.string().max(128).optional(),
    remainingMs: z.number().positive().optional(),
    via: z
      .array(z.string().max(64))
      .max(viaMaxRungs + 1)
      .optional(),
  })
  .refine(
    (b) => [b.instance, b.instances, b.questions].filter((part) => part !== undefined).length === 1,
    "The body must contain exactly one of instance, instances, questions.",
  )
  .meta({ id: "AskBody" });
export type AskBody = z.infer<typeof askSchema>;
