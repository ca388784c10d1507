import * as z from "zod";
import { rungSchema } from "./answer.ts";
import { labelSourceSchema } from "./label.ts";
import { questionIdSchema } from "./question.ts";
import { regionSchema } from "./region.ts";

export const questionBriefSchema = z
  .strictObject({
    id: questionIdSchema,
    region: regionSchema,
    /** Data time and arrival, ms since 1970. */
    at: z.int(),
    receivedAt: z.int(),
    status: z.enum(["answered", "open"]),
    rung: rungSchema,
    version: z.string(),
    label: z.string(),
    confidence: z.number(),
    accepted: z.boolean(),
    /** The label that the rung below, or the semantic cache, put first. */
    prediction: z.string(),
    /** What it turned out to be, and by whom; null while that is not known. */
    truth: z.string().nullable(),
    source: labelSourceSchema.nullable(),
    /** Whether the prediction was wrong; null while that is not known. */
    wrong: z.boolean().nullable(),
    /** How many warnings its caller got. */
    warnings: z.int(),
  })
  .meta({ id: "QuestionBrief" });
/** A question in a list. */
export type QuestionBrief = z.infer<typeof questionBriefSchema>;

/** The largest number of questions in a page, and how many a list has unless asked otherwise. */
export const questionPageMax = 200;
export const questionPageSize = 50;

export const questionPageSchema = z
  .strictObject({
    /** The newest first. */
    questions: z.array(questionBriefSchema),
    /** The `before` of the next page; null where no older question is stored, and for a list over all regions. */
    next: z.int().nullable(),
  })
  .meta({ id: "QuestionPage" });
/** A page of stored questions. */
export type QuestionPage = z.infer<typeof questionPageSchema>;

const questionFilterSchema = z
  .strictObject({
    rung: z.string(),
    /** The label that was answered. */
    label: z.string(),
    /** The least and the largest confidence. */
    from: z.number(),
    to: z.number(),
    wrong: z.boolean(),
    open: z.boolean(),
    /** With a warning for its caller. */
    warned: z.boolean(),
    /** Data time, ms since 1970: from the first on, before the second. */
    since: z.number(),
    until: z.number(),
  })
  .partial()
  .meta({ id: "QuestionFilter" });
/** Which questions a list shows: all that match each given field. */
export type QuestionFilter = z.infer<typeof questionFilterSchema>;

/** Tells whether a question passes a filter. */
export function passes(question: QuestionBrief, filter: QuestionFilter): boolean {
  const { rung, label, from, to, wrong, open, warned, since, until } = filter;
  return (
    (rung === undefined || question.rung === rung) &&
    (label === undefined || question.label === label) &&
    (from === undefined || question.confidence >= from) &&
    (to === undefined || question.confidence <= to) &&
    (wrong === undefined || question.wrong === wrong) &&
    (open === undefined || (question.status === "open") === open) &&
    (warned === undefined || question.warnings > 0 === warned) &&
    (since === undefined || question.at >= since) &&
    (until === undefined || question.at < until)
  );
}
