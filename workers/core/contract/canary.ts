import * as z from "zod";
import { regionSchema } from "./region.ts";

export const versionCountSchema = z.strictObject({
  base: z.int().positive(),
  /** `8`, or `8+weur.1`. */
  version: z.string(),
  /** Questions recorded, and how many were asked by that (Σ 1/π). */
  recorded: z.int(),
  questions: z.number(),
  /** The share that its rule accepted. */
  coverage: z.number(),
  /** Labels that may judge, and the share of errors among them: of what it accepted, and of all its answers. */
  labelled: z.strictObject({ accepted: z.int(), all: z.int() }),
  errors: z.strictObject({ accepted: z.number().nullable(), all: z.number().nullable() }),
  /** Mean log-loss of what is labelled; null where the label is none of the version's. */
  logLoss: z.number().nullable(),
  /** Questions that only the origin labelled, and how many it answered alike: agreement, which judges nothing. */
  origin: z.strictObject({ labelled: z.int(), agreed: z.int() }),
});
/** What one version answered at the edge while a canary was watched, and what its labels say; shares are weighted by 1/π. */
export type VersionCount = z.infer<typeof versionCountSchema>;

/** Σd and Σd² over matched blocks, where d in [−1, 1] is the canary's mean loss in a block less the stable version's. */
const differencesSchema = z.strictObject({ blocks: z.int(), sum: z.number(), squares: z.number() });
export type Differences = z.infer<typeof differencesSchema>;

const regionDifferencesSchema = z.strictObject({
  all: differencesSchema,
  accepted: differencesSchema,
  escalated: differencesSchema,
});
/** What a region's questions say of a canary: how much oftener it errs, over all answers or the accepted ones, and escalates. */
export type RegionDifferences = z.infer<typeof regionDifferencesSchema>;

export const canaryCountSchema = z.strictObject({
  versions: z.array(versionCountSchema),
  differences: regionDifferencesSchema,
});
/** What a region counted of a canary. */
export type CanaryCount = z.infer<typeof canaryCountSchema>;

export const canaryPlanSchema = z.strictObject({
  /**
   * Whose errors count: those of `all` its answers where every truth comes; else those of what it `accepted`, since of
   * the others only what no rung was sure of is labelled, and then its coverage is judged beside.
   */
  errorsOf: z.enum(["all", "accepted"]),
  /** How much more often than the stable version it may err, as a share of answers. */
  margin: z.number(),
  /** How much less of what is asked it may accept, as a share; not judged with `errorsOf: "all"`. */
  coverageMargin: z.number(),
  /** The chance of rolling back what is no worse, and that of promoting what is worse by the margin: each at most this. */
  delta: z.number(),
});
/** By what a canary is judged. */
export type CanaryPlan = z.infer<typeof canaryPlanSchema>;

/** The mean of a difference so far, and the ends of its confidence sequence. */
const differenceBoundsSchema = z.strictObject({ mean: z.number().nullable(), lower: z.number(), upper: z.number() });
export type DifferenceBounds = z.infer<typeof differenceBoundsSchema>;

export const canaryVerdictSchema = z.strictObject({
  decision: z.enum(["continue", "promote", "roll back"]),
  reason: z.string(),
  /** Errors: canary − stable. */
  error: differenceBoundsSchema,
  /** Coverage lost: stable − canary; null where it is not judged. */
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
    /** ms since 1970; `endedAt` and `outcome` are null while it is watched. */
    startedAt: z.int(),
    deadlineAt: z.int(),
    endedAt: z.int().nullable(),
    outcome: z.enum(["promoted", "rolled back", "ended"]).nullable(),
    reason: z.string().nullable(),
    plan: canaryPlanSchema,
    /** What the last look found; null before the first. */
    verdict: canaryVerdictSchema.nullable(),
    /** What each region counted, when it was last heard. */
    regions: z.array(canaryCountSchema.extend({ region: regionSchema, at: z.int() })),
  })
  .meta({ id: "CanaryState" });
/** Where a watched canary stands, or how it ended. */
export type CanaryState = z.infer<typeof canaryStateSchema>;

export const canaryReplySchema = z.strictObject({ canary: canaryStateSchema.nullable() }).meta({ id: "CanaryReply" });
