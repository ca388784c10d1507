import * as z from "zod";
import { answerSchema, rungSchema } from "./answer.ts";
import { instanceSchema } from "./instance.ts";
import { questionIdSchema } from "./question.ts";
import { regionSchema } from "./region.ts";

export const reviewLeaseMs = 5 * 60_000;

export const flagReasonMaxChars = 500;

export const opinionSchema = z
  .strictObject({
    rung: rungSchema,
    version: z.string(),
    label: z.string(),
    confidence: z.number(),
    scores: z.record(z.string(), z.number()),
  })
  .meta({ id: "Opinion" });
/** What a rung that was not sure made of a question. */
export type Opinion = z.infer<typeof opinionSchema>;

const reviewItem = {
  id: questionIdSchema,
  region: regionSchema,
  instance: instanceSchema,
  /** The best that the rungs below made of it. */
  provisional: answerSchema.nullable(),
  /** What each rung thought, from the edge up. */
  opinions: z.array(opinionSchema),
  queuedAt: z.int(),
};

export const reviewQuestionSchema = z
  .strictObject({ ...reviewItem, leaseUntil: z.int() })
  .meta({ id: "ReviewQuestion" });
/** An open question, leased to whoever asked for it. */
export type ReviewQuestion = z.infer<typeof reviewQuestionSchema>;

/** Leased questions, and how many wait. */
export const reviewSchema = z
  .strictObject({ questions: z.array(reviewQuestionSchema), waiting: z.int() })
  .meta({ id: "Review" });

export const skippedSchema = z.strictObject({ id: questionIdSchema, skipped: z.literal(true) }).meta({ id: "Skipped" });

/** The body of `POST /v1/questions/{id}/flag`: why no person can answer it. */
export const flagSchema = z
  .strictObject({ reason: z.string().trim().min(1).max(flagReasonMaxChars) })
  .meta({ id: "Flag" });

export const flaggedQuestionSchema = z
  .strictObject({
    ...reviewItem,
    flaggedAt: z.int(),
    /** The token, and the person behind it. */
    flaggedBy: z.string(),
    reason: z.string(),
  })
  .meta({ id: "FlaggedQuestion" });
/** A question that a person could not answer, and why. */
export type FlaggedQuestion = z.infer<typeof flaggedQuestionSchema>;

/** Flagged questions, the newest first. */
export const flaggedSchema = z.strictObject({ questions: z.array(flaggedQuestionSchema) }).meta({ id: "Flagged" });

export const forgottenSchema = z
  .strictObject({ id: questionIdSchema, forgotten: z.literal(true) })
  .meta({ id: "Forgotten" });
