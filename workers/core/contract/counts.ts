import * as z from "zod";
import { rungs } from "./answer.ts";

const count = z.int().nonnegative();

/** Upper ends of the latency classes, ms; a last class has what is above. Seconds at the edge, days where a person answers. */
export const latencyBoundsMs = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000],
  ...[60_000, 300_000, 3_600_000, 86_400_000],
] as const;

export const rungCountsSchema = z
  .strictObject({
    /** Questions that it answered, and those of them that it was sure of. */
    answered: count,
    accepted: count,
    /** Its answers whose label came to be known, by whether it was the label. */
    right: count,
    wrong: count,
    /** Answers by how long they took, in the classes of `latencyBoundsMs` and one above, and all of it in ms. */
    latency: z.array(count).length(latencyBoundsMs.length + 1),
    latencyMs: z.number().nonnegative(),
  })
  .meta({ id: "RungCounts" });
/** What one rung answered. */
export type RungCounts = z.infer<typeof rungCountsSchema>;

export const countsSchema = z
  .strictObject({
    /** Requests that asked, and the questions in them. */
    requests: count,
    questions: count,
    /** Questions that the edge handed to the region, each once, and the calls of the region's object for asking. */
    escalated: count,
    calls: count,
    /** Labels that were kept, by their source. */
    labels: z.strictObject({ truth: count, human: count, origin: count }),
    rungs: z.strictObject(
      Object.fromEntries(rungs.map((rung) => [rung, rungCountsSchema])) as Record<
        (typeof rungs)[number],
        typeof rungCountsSchema
      >,
    ),
  })
  .meta({ id: "Counts" });
/** What was asked and answered; all of it only grows. */
export type Counts = z.infer<typeof countsSchema>;

export const versionCountsSchema = z.strictObject({ base: z.int().positive(), counts: countsSchema });
/** What was asked of one version. */
export type VersionCounts = z.infer<typeof versionCountsSchema>;

/** The same of one region; its name is empty for a model of tensors, which has none. */
export const regionCountsSchema = versionCountsSchema.extend({ region: z.string() }).meta({ id: "RegionCounts" });
export type RegionCounts = z.infer<typeof regionCountsSchema>;
