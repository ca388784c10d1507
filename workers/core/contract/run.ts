import * as z from "zod";
import { regionSchema } from "./region.ts";

/** How a retrain ended; `running` until it does. */
export const runStatuses = ["running", "promoted", "refused", "skipped", "failed"] as const;
export type RunStatus = (typeof runStatuses)[number];

export const runSchema = z.strictObject({
  id: z.string(),
  base: z.int().positive(),
  status: z.enum(runStatuses),
  reason: z.string().nullable(),
  /** Figures of the candidates and of the gate. */
  report: z.record(z.string(), z.unknown()).nullable(),
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
