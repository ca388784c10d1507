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
/** The answer of a rung that did not accept it. */
export type Opinion = z.infer<typeof opinionSchema>;

const reviewItem = {
  id: questionIdSchema,
  region: regionSchema,
  instance: instanceSchema,
  /** The only labels that the caller takes, and so that a person may give; all unless given. */
  candidates: z.array(z.string()).optional(),
  /** The best answer of the rungs below. */
  provisional: answerSchema.nullable(),
  /** The opinion of each rung, from the edge up. */
  opinions: z.array(opinionSchema),
  queuedAt: z.int(),
};

export const reviewQuestionSchema = z
  .strictObject({ ...reviewItem, leaseUntil: z.int() })
  .meta({ id: "ReviewQuestion" });
/** An open question that is leased to a reviewer. */
export type ReviewQuestion = z.infer<typeof reviewQuestionSchema>;

/** Leased questions, and the number of questions that wait. */
export const reviewSchema = z
  .strictObject({ questions: z.array(reviewQuestionSchema), waiting: z.int() })
  .meta({ id: "Review" });

export const closedSchema = z
  .union([answerSchema, z.strictObject({ id: questionIdSchema, flagged: z.literal(true) })])
  .meta({ id: "Closed" });
/** The answer that the caller of a flagged question receives; of a label that was to be checked, which has no caller, its id. */
export type Closed = z.infer<typeof closedSchema>;

export const skippedSchema = z.strictObject({ id: questionIdSchema, skipped: z.literal(true) }).meta({ id: "Skipped" });

/** The body of `POST /v1/questions/{id}/flag`: why a person can't answer the question. */
export const flagSchema = z
  .strictObject({ reason: z.string().trim().min(1).max(flagReasonMaxChars) })
  .meta({ id: "Flag" });

export const flaggedQuestionSchema = z
  .strictObject({
    ...reviewItem,
    flaggedAt: z.int(),
    /** The token and the person who used it. */
    flaggedBy: z.string(),
    reason: z.string(),
  })
  .meta({ id: "FlaggedQuestion" });
/** A question that a person could not answer, and the reason. */
export type FlaggedQuestion = z.infer<typeof flaggedQuestionSchema>;

/** Flagged questions, newest first. */
export const flaggedSchema = z.strictObject({ questions: z.array(flaggedQuestionSchema) }).meta({ id: "Flagged" });

export const forgottenSchema = z
  .strictObject({ id: questionIdSchema, forgotten: z.literal(true) })
  .meta({ id: "Forgotten" });
