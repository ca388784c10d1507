import * as z from "zod";
import { limits } from "../limits.ts";
import { type Instance, instanceSchema } from "./instance.ts";
import type { Fold, LabelSource } from "./label.ts";
import { draftSchema, questionIdSchema } from "./question.ts";

/** The body of `POST /v1/questions/{id}/truth` and `/answer`. A truth for a question that was not kept brings it. */
export const truthSchema = z.strictObject({
  label: z.string(),
  instance: instanceSchema.optional(),
  /** When the label became known, ms since 1970; admin only. */
  at: z.int().nonnegative().optional(),
});
export type Truth = z.infer<typeof truthSchema>;

/** The body of `POST /v1/models/{model}/truths`: labels by question id, or with the question they belong to. */
export const truthsSchema = z.strictObject({
  truths: z
    .array(z.strictObject({ id: questionIdSchema.optional(), label: z.string(), question: draftSchema.optional() }))
    .min(1)
    .max(limits.batchMaxQuestions),
  at: z.int().nonnegative().optional(),
});
export type Truths = z.infer<typeof truthsSchema>;

/** What became of a label that was taught: the one that stands now, and whether anything changed. */
export interface Taught {
  id: string;
  label: string;
  source: LabelSource;
  fold: Fold;
  changed: boolean;
}

/** A line of `GET /v1/models/{model}/samples`: a labelled sample, or the id of one that was forgotten. */
export type SampleLine = { region: string; id: string; revision: number } & (
  | { forgotten: true }
  | {
      instance: Instance | null;
      label: string;
      source: LabelSource;
      fold: Fold;
      split: string;
      /** The recorded chance of the label; null where none was recorded. */
      pi: number | null;
      at: number;
      labelledAt: number;
    }
);
