import * as z from "zod";
import { answerSchema } from "./answer.ts";
import { instanceSchema } from "./instance.ts";
import { labelSourceSchema, splitSchema } from "./label.ts";
import { questionIdSchema } from "./question.ts";
import { opinionSchema } from "./review.ts";

/** Everything that a region has recorded of a question: who asked, what each rung said, and what became of it. */
export const questionWaySchema = z
  .strictObject({
    id: questionIdSchema,
    /** The global version that answered. */
    base: z.int().positive(),
    /** The id of the token that asked. */
    owner: z.string(),
    instance: instanceSchema.nullable(),
    /** The only labels that may be answered; all unless given. */
    candidates: z.array(z.string()).optional(),
    /** Data time and arrival, ms since 1970. */
    at: z.int(),
    receivedAt: z.int(),
    /** Whether a rule accepted the edge's answer, or that of the semantic cache. */
    accepted: z.boolean(),
    audited: z.boolean(),
    inclusionProbability: z.number(),
    split: splitSchema,
    groupKey: z.string(),
    /** The answers of the rungs that answered, from the edge up. */
    opinions: z.array(opinionSchema),
    /** How often the next rung was asked without an answer. */
    tries: z.int(),
    inReview: z.boolean(),
    /** What the region did with it, since the edge did not accept it; null for others, and without a rung above. */
    route: z.enum(["escalate", "explore", "keep"]).nullable(),
    answer: answerSchema,
    /** What it turned out to be; null while that is not known. */
    label: z
      .strictObject({
        label: z.string(),
        source: labelSourceSchema,
        labelledAt: z.int(),
        /** The id of the token that gave it, where it is known, and whether that is trusted; yes, unless given. */
        labelledBy: z.string().nullable().optional(),
        trusted: z.boolean().optional(),
      })
      .nullable(),
    traceparent: z.string().nullable(),
  })
  .meta({ id: "QuestionWay" });
/** Everything that a region has recorded of a question. */
export type QuestionWay = z.infer<typeof questionWaySchema>;
