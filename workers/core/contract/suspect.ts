import * as z from "zod";
import { suspectsMax } from "../suspect-limits.ts";
import { labelSourceSchema } from "./label.ts";
import { questionIdSchema } from "./question.ts";

export const suspectSchema = z
  .strictObject({
    id: questionIdSchema,
    label: z.string(),
    source: labelSourceSchema,
    /** What a head says that has not learned from the label, and by how much more than for the label: near 1 is a confident disagreement. */
    suggestion: z.string(),
    margin: z.number(),
    at: z.int(),
    /** Whether people are asked to check it; absent where they are not. */
    inReview: z.literal(true).optional(),
  })
  .meta({ id: "Suspect" });
/** A sample whose label may be wrong. */
export type Suspect = z.infer<typeof suspectSchema>;

export const suspectsSchema = z
  .strictObject({
    /** How many samples were looked through, and on how many of them a head disagrees. */
    samples: z.int(),
    disagreements: z.int(),
    /** The most suspicious first. */
    suspects: z.array(suspectSchema),
  })
  .meta({ id: "Suspects" });
/** The samples of a region whose labels may be wrong. */
export type Suspects = z.infer<typeof suspectsSchema>;

/** The body of `POST …/suspects/review`: the samples whose labels people are to check. */
export const reviewSuspectsSchema = z
  .strictObject({ ids: z.array(questionIdSchema).min(1).max(suspectsMax) })
  .meta({ id: "ReviewSuspects" });

export const sentSuspectsSchema = z
  .strictObject({
    /** How many were sent now; those that people have already are left out. */
    sent: z.int(),
    /** How many of the region are with people now. */
    waiting: z.int(),
  })
  .meta({ id: "SentSuspects" });
export type SentSuspects = z.infer<typeof sentSuspectsSchema>;
