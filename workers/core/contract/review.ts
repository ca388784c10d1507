import * as z from "zod";
import { answerSchema } from "./answer.ts";
import { instanceSchema } from "./instance.ts";
import { questionIdSchema } from "./question.ts";
import { regionSchema } from "./region.ts";

export const reviewQuestionSchema = z
  .strictObject({
    id: questionIdSchema,
    region: regionSchema,
    instance: instanceSchema,
    /** The best that the rungs below made of it. */
    provisional: answerSchema.nullable(),
    queuedAt: z.int(),
    leaseUntil: z.int(),
  })
  .meta({ id: "ReviewQuestion" });
/** An open question, leased to whoever asked for it. */
export type ReviewQuestion = z.infer<typeof reviewQuestionSchema>;

/** Leased questions, and how many wait. */
export const reviewSchema = z
  .strictObject({ questions: z.array(reviewQuestionSchema), waiting: z.int() })
  .meta({ id: "Review" });

export const forgottenSchema = z
  .strictObject({ id: questionIdSchema, forgotten: z.literal(true) })
  .meta({ id: "Forgotten" });
