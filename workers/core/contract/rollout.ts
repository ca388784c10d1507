import * as z from "zod";
import { modelNameSchema } from "./manifest.ts";
import { modelPointerSchema } from "./pointers.ts";
import { regionSchema } from "./region.ts";

/** How a canary is judged unless the rollout says otherwise. */
export const canaryDefaults = {
  /** Largest increase of the error rate over the stable version. */
  margin: 0.02,
  /** Largest loss of coverage against the stable version. */
  coverageMargin: 0.05,
  /** Probability of rolling back a canary that is no worse, and of promoting one that is worse by the margin. */
  delta: 0.05,
  deadlineHours: 72,
} as const;
export const canaryDeadlineMaxHours = 24 * 60;

// Completes "must be …" in validation errors.
const shareRange = "a number above 0 and below 1";
const positiveInteger = "a positive integer";

export const watchSchema = z.strictObject({
  /** Largest increase of the error rate over the stable version. */
  margin: z.number().gt(0).lt(1).default(canaryDefaults.margin),
  /** When an undecided canary is rolled back. */
  deadlineHours: z.number().positive().max(canaryDeadlineMaxHours).default(canaryDefaults.deadlineHours),
});

export const rolloutSchema = z
  .strictObject({
    version: z.int(positiveInteger).positive(positiveInteger),
    /** Share of callers that a canary gets; all callers without it. */
    share: z.number(shareRange).gt(0, shareRange).lt(1, shareRange).optional(),
    /** Promotes or rolls back the canary automatically, by labelled questions that both versions answer. */
    watch: z.union([z.boolean(), watchSchema]).optional(),
  })
  .refine(
    ({ share, watch }) => !watch || share !== undefined,
    "watch needs share: a version that serves all callers is not a canary.",
  )
  .meta({ id: "RolloutTarget" });
/** The version to roll out, and the callers that get it. */
export type RolloutTarget = z.input<typeof rolloutSchema>;

export const rollbackSchema = z
  .strictObject({
    region: regionSchema.optional(),
    /** Number of the head to return to, null for the global head; the previous one without it. */
    head: z.int().positive().nullable().optional(),
  })
  .refine(({ region, head }) => head === undefined || region !== undefined, "head needs region.")
  .meta({ id: "Rollback" });

/** An order to rebuild a model's registry from its copy in R2. */
export const restoreSchema = z.strictObject({}).meta({ id: "Restore" });

/** A registry that was restored: what it knows, and when the copy was made (ms since 1970). */
export const restoredSchema = z
  .strictObject({
    model: modelNameSchema,
    pointer: modelPointerSchema,
    versions: z.int(),
    heads: z.int(),
    regions: z.int(),
    copiedAt: z.int(),
  })
  .meta({ id: "Restored" });
export type Restored = z.infer<typeof restoredSchema>;

/** The new pointer; for a region the number of its current head, null for the global head. */
export const rolledSchema = z
  .union([
    z.strictObject({ pointer: modelPointerSchema }),
    z.strictObject({ region: regionSchema, head: z.int().nullable() }),
  ])
  .meta({ id: "Rolled" });
