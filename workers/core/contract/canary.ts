import * as z from "zod";
import { regionSchema } from "./region.ts";

export const versionCountSchema = z.strictObject({
  base: z.int().positive(),
  /** `8`, or `8+weur.1`. */
  version: z.string(),
  /** Recorded questions, and the estimated number of questions asked (Σ 1/π). */
  recorded: z.int(),
  questions: z.number(),
  /** The share of answers that its rule accepted. */
  coverage: z.number(),
  /** Labels that count in the comparison, and the error rate among them: for accepted answers and for all answers. */
  labelled: z.strictObject({ accepted: z.int(), all: z.int() }),
  errors: z.strictObject({ accepted: z.number().nullable(), all: z.number().nullable() }),
  /** Mean log-loss of labelled answers; null if the version does not have the label. */
  logLoss: z.number().nullable(),
  /** Questions that only the origin labelled, and how many of them have the same answer. Not used in the decision. */
  origin: z.strictObject({ labelled: z.int(), agreed: z.int() }),
});
/** The answers of one version at the edge during a watched canary, and their errors. Shares are weighted by 1/π. */
export type VersionCount = z.infer<typeof versionCountSchema>;

/** Σd and Σd² over matched blocks, where d in [−1, 1] is the canary's mean loss in a block minus the stable version's. */
const differencesSchema = z.strictObject({ blocks: z.int(), sum: z.number(), squares: z.number() });
export type Differences = z.infer<typeof differencesSchema>;

const regionDifferencesSchema = z.strictObject({
  all: differencesSchema,
  accepted: differencesSchema,
  escalated: differencesSchema,
});
/** Differences between canary and stable version in one region: errors of all answers, errors of accepted ones, escalations. */
export type RegionDifferences = z.infer<typeof regionDifferencesSchema>;

export const canaryCountSchema = z.strictObject({
  versions: z.array(versionCountSchema),
  differences: regionDifferencesSchema,
});
/** The counts of a canary in one region. */
export type CanaryCount = z.infer<typeof canaryCountSchema>;

export const canaryPlanSchema = z.strictObject({
  /**
   * The answers whose errors count: `all` if every question gets a true label, otherwise the `accepted` ones. In the
   * second case labels of escalated questions are not representative, and coverage is compared as well.
   */
  errorsOf: z.enum(["all", "accepted"]),
  /** The largest increase of the error rate over the stable version. */
  margin: z.number(),
  /** The largest loss of coverage against the stable version; not compared with `errorsOf: "all"`. */
  coverageMargin: z.number(),
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
  /** Matched blocks of labelled answers. */
  blocks: z.int(),
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
    /** The last counts that each region reported, and when. */
    regions: z.array(canaryCountSchema.extend({ region: regionSchema, at: z.int() })),
  })
  .meta({ id: "CanaryState" });
/** The state of a watched canary, or how it ended. */
export type CanaryState = z.infer<typeof canaryStateSchema>;

export const canaryReplySchema = z.strictObject({ canary: canaryStateSchema.nullable() }).meta({ id: "CanaryReply" });
