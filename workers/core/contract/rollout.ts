import * as z from "zod";
import { modelPointerSchema } from "./pointers.ts";
import { regionSchema } from "./region.ts";

/** How a canary is judged unless the rollout says otherwise. */
export const canaryDefaults = {
  /** How much more often than the stable version it may err, as a share of answers. */
  margin: 0.02,
  /** How much less than the stable version it may accept, as a share of answers. */
  coverageMargin: 0.05,
  /** The chance of rolling back a canary that is no worse, and of promoting one that is worse by the margin. */
  delta: 0.05,
  deadlineHours: 72,
} as const;
export const canaryDeadlineMaxHours = 24 * 60;

export const watchSchema = z.strictObject({
  /** How much more often than the stable version the canary may err, as a share of answers. */
  margin: z.number().gt(0).lt(1).default(canaryDefaults.margin),
  /** When an undecided canary is rolled back. */
  deadlineHours: z.number().positive().max(canaryDeadlineMaxHours).default(canaryDefaults.deadlineHours),
});

export const rolloutSchema = z
  .strictObject({
    version: z.int().positive(),
    /** The share of callers that a canary gets; absent: all. */
    share: z.number().gt(0).lt(1).optional(),
    /** Whether the canary is promoted or rolled back by itself, by what its answers turn out to be. */
    watch: z.union([z.boolean(), watchSchema]).optional(),
  })
  .refine(({ share, watch }) => !watch || share !== undefined, "a share beside watch: what serves all is no canary")
  .meta({ id: "RolloutTarget" });
/** Whom a version is rolled out to. */
export type RolloutTarget = z.input<typeof rolloutSchema>;

export const rollbackSchema = z
  .strictObject({
    region: regionSchema.optional(),
    /** The number of the head that the region gets again, null for the global one; the one before unless given. */
    head: z.int().positive().nullable().optional(),
  })
  .refine(({ region, head }) => head === undefined || region !== undefined, "a region beside head")
  .meta({ id: "Rollback" });

/** The pointer as it is now; of a region, the number of the head that it has again, null for the global one. */
export const rolledSchema = z
  .union([
    z.strictObject({ pointer: modelPointerSchema }),
    z.strictObject({ region: regionSchema, head: z.int().nullable() }),
  ])
  .meta({ id: "Rolled" });
