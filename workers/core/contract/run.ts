import * as z from "zod";
import { regionSchema } from "./region.ts";

/** The states of a retrain: `running`, then how it ended. `held`: a person has to accept whose labels decide it. */
export const runStatuses = ["running", "promoted", "refused", "held", "skipped", "failed"] as const;
export type RunStatus = (typeof runStatuses)[number];

const scoredSchema = z.strictObject({ accuracy: z.number(), logLoss: z.number() });
export const headComparisonSchema = z.strictObject({
  questions: z.int(),
  global: scoredSchema,
  regional: scoredSchema,
});
/** Metrics of the global and the regional head on the held-out questions of a retrain. */
export type HeadComparison = z.infer<typeof headComparisonSchema>;

export const runSchema = z.strictObject({
  id: z.string(),
  base: z.int().positive(),
  status: z.enum(runStatuses),
  reason: z.string().nullable(),
  /** Figures of the candidates and the gate. */
  report: z
    .looseObject({
      /** The number of the promoted head. */
      head: z.int().optional(),
      comparison: headComparisonSchema.nullish(),
      /** Whether all labels trained and cross-fitting judged, since they are few. Absent in reports of earlier releases. */
      crossFitted: z.boolean().optional(),
      /** Of a held retrain: the tokens, not trusted, whose labels decide it. */
      heldFor: z.array(z.string()).optional(),
    })
    .nullable(),
  /** The data time up to which it learns, ms since 1970. */
  at: z.int(),
  startedAt: z.int(),
  finishedAt: z.int().nullable(),
});
/** A retrain of a region's head. */
export type Run = z.infer<typeof runSchema>;

/** A retrain and its region. */
export const regionRunSchema = runSchema.extend({ region: regionSchema }).meta({ id: "RegionRun" });
export type RegionRun = z.infer<typeof regionRunSchema>;

export const regionRunsSchema = z
  .strictObject({
    runs: z.array(regionRunSchema),
    /** Of a page of regions: the `after` of the next one; null on the last one. */
    next: z.string().nullable().optional(),
  })
  .meta({ id: "RegionRuns" });
export type RegionRuns = z.infer<typeof regionRunsSchema>;
