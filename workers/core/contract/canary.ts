import * as z from "zod";
import { regionSchema } from "./region.ts";

const versionFiguresSchema = z.strictObject({
  /** The shares of questions that it answers wrongly, and that its rule accepts: weighted over pairs, null before the first. */
  error: z.number().nullable(),
  coverage: z.number().nullable(),
});
/** How one version does on the pairs. */
export type VersionFigures = z.infer<typeof versionFiguresSchema>;

/** Why a labelled question has no second answer. */
export const pairObstacles = [
  /** Its instance is no longer there. */
  "instance",
  /** Its instance does not fit the input of the other version. */
  "input",
  /** The other version could not be loaded or run, at any attempt. */
  "failure",
] as const;
export type PairObstacle = (typeof pairObstacles)[number];

export const canaryCountSchema = z.strictObject({
  /** Questions with a planned label, and those of them whose label has come. */
  planned: z.int(),
  labelled: z.int(),
  /** Labelled questions that both versions answered, and the number of questions that they stand for (Σ 1/π). */
  pairs: z.int(),
  questions: z.number(),
  stable: versionFiguresSchema,
  canary: versionFiguresSchema,
  /** Labelled questions whose second answer is still to be computed. */
  waiting: z.int(),
  /** Labelled questions that can't be compared, by reason. */
  unpaired: z.record(z.enum(pairObstacles), z.int()),
});
/** The comparison of a canary in one region. */
export type CanaryCount = z.infer<typeof canaryCountSchema>;

export const canaryPlanSchema = z.strictObject({
  /** The largest increase of the error rate of all answers over the stable version. */
  margin: z.number(),
  /** The largest loss of coverage against the stable version; null where every truth comes: it is not compared. */
  coverageMargin: z.number().nullable(),
  /** The probability of rolling back a canary that is no worse, and of promoting one that is worse by the margin. */
  delta: z.number(),
});
/** The criteria for a canary. */
export type CanaryPlan = z.infer<typeof canaryPlanSchema>;

/** The mean of a difference so far, and the ends of its confidence sequence. */
const differenceBoundsSchema = z.strictObject({ mean: z.number().nullable(), lower: z.number(), upper: z.number() });
export type DifferenceBounds = z.infer<typeof differenceBoundsSchema>;

export const canaryVerdictSchema = z.strictObject({
  decision: z.enum(["continue", "promote", "roll back"]),
  reason: z.string(),
  /** Error rate: canary − stable. */
  error: differenceBoundsSchema,
  /** Loss of coverage: stable − canary; null if it is not compared. */
  coverage: differenceBoundsSchema.nullable(),
  /** Labelled questions that both versions answered, and the groups of dependent questions that they are in. */
  pairs: z.int(),
  groups: z.int(),
});
export type CanaryVerdict = z.infer<typeof canaryVerdictSchema>;

export const canaryStateSchema = z
  .strictObject({
    version: z.int().positive(),
    stable: z.int().positive(),
    share: z.number(),
    /** Times in ms since 1970. `endedAt` and `outcome` are null while the canary is watched. */
    startedAt: z.int(),
    deadlineAt: z.int(),
    endedAt: z.int().nullable(),
    outcome: z.enum(["promoted", "rolled back", "ended"]).nullable(),
    reason: z.string().nullable(),
    plan: canaryPlanSchema,
    /** The result of the last comparison; null before the first. */
    verdict: canaryVerdictSchema.nullable(),
    /** The last count of each region, and when it was reported. */
    regions: z.array(canaryCountSchema.extend({ region: regionSchema, at: z.int() })),
  })
  .meta({ id: "CanaryState" });
/** The state of a watched canary, or how it ended. */
export type CanaryState = z.infer<typeof canaryStateSchema>;

export const canaryReplySchema = z.strictObject({ canary: canaryStateSchema.nullable() }).meta({ id: "CanaryReply" });
export type CanaryReply = z.infer<typeof canaryReplySchema>;
