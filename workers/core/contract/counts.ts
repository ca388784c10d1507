import * as z from "zod";
import { eachRung } from "./answer.ts";

const count = z.int().nonnegative();

/** Upper ends of the latency buckets, ms; a last bucket holds the rest. They span milliseconds at the edge to days for a person. */
export const latencyBoundsMs = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000],
  ...[60_000, 300_000, 3_600_000, 86_400_000],
] as const;

export const rungCountsSchema = z
  .strictObject({
    /** Questions that the rung answered, and how many of these answers it accepted. */
    answered: count,
    accepted: count,
    /** Answers whose label is known, by whether they were correct. */
    right: count,
    wrong: count,
    /** Answers by latency, in the buckets of `latencyBoundsMs` and one above, and the sum of all latencies in ms. */
    latency: z.array(count).length(latencyBoundsMs.length + 1),
    latencyMs: z.number().nonnegative(),
  })
  .meta({ id: "RungCounts" });
/** The counts of one rung. */
export type RungCounts = z.infer<typeof rungCountsSchema>;

export const countsSchema = z
  .strictObject({
    /** Requests to `ask`, and the questions in them. */
    requests: count,
    questions: count,
    /** Questions that named a region that is not listed, so that the parent answered; absent for none. */
    unlisted: count.optional(),
    /** Questions that the edge escalated to the region, each counted once, and the calls of the region's object for them. */
    escalated: count,
    calls: count,
    /** Batches in which isolates sent counts of the edge, and the regions and versions in them; absent for none. */
    batches: count.optional(),
    batchRows: count.optional(),
    /** Stored labels, by their source. */
    labels: z.strictObject({ truth: count, human: count, origin: count }),
    rungs: eachRung(rungCountsSchema),
  })
  .meta({ id: "Counts" });
/** Counts of questions, answers and labels. Every count only grows. */
export type Counts = z.infer<typeof countsSchema>;

export const versionCountsSchema = z.strictObject({ base: z.int().positive(), counts: countsSchema });
/** The counts of one version. */
export type VersionCounts = z.infer<typeof versionCountsSchema>;

/** The counts of one version in one region. The region is empty for a tensor model. */
export const regionCountsSchema = versionCountsSchema.extend({ region: z.string() }).meta({ id: "RegionCounts" });
export type RegionCounts = z.infer<typeof regionCountsSchema>;
