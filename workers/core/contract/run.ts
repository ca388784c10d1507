import * as z from "zod";
import { regionSchema } from "./region.ts";

/** How a retrain ended; `running` until it does. */
export const runStatuses = ["running", "promoted", "refused", "skipped", "failed"] as const;
export type RunStatus = (typeof runStatuses)[number];

const scoredSchema = z.strictObject({ accuracy: z.number(), logLoss: z.number() });
export const standingSchema = z.strictObject({ questions: z.int(), global: scoredSchema, regional: scoredSchema });
/** How well the global head and the region's answered the held-out questions of a run. */
export type Standing = z.infer<typeof standingSchema>;

export const runSchema = z.strictObject({
  id: z.string(),
  base: z.int().positive(),
  status: z.enum(runStatuses),
  reason: z.string().nullable(),
  /** Figures of the candidates and of the gate. */
  report: z
    .looseObject({
      /** The number of the head that it promoted. */
      head: z.int().optional(),
      standing: standingSchema.nullish(),
    })
    .nullable(),
  /** Data time up to which it learns, ms since 1970. */
  at: z.int(),
  startedAt: z.int(),
  finishedAt: z.int().nullable(),
});
/** One retrain of a region's head, as it is reported. */
export type Run = z.infer<typeof runSchema>;

/** A retrain, and the region whose it is. */
export const regionRunSchema = runSchema.extend({ region: regionSchema }).meta({ id: "RegionRun" });
export type RegionRun = z.infer<typeof regionRunSchema>;

export const regionRunsSchema = z.strictObject({ runs: z.array(regionRunSchema) }).meta({ id: "RegionRuns" });
