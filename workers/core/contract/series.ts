import * as z from "zod";
import { eachRung } from "./answer.ts";
import { modelNameSchema } from "./manifest.ts";

/** What a series shows: the length of a step, and how many there are. A model's steps of a month take at most 2 MB. */
export const seriesRanges = {
  hour: { everyMs: 60_000, steps: 60 },
  day: { everyMs: 10 * 60_000, steps: 144 },
  week: { everyMs: 3600_000, steps: 168 },
  month: { everyMs: 6 * 3600_000, steps: 124 },
} as const;
export type SeriesRange = keyof typeof seriesRanges;
export const seriesRangeNames = Object.keys(seriesRanges) as SeriesRange[];

const seriesRangeSchema = z.enum(seriesRangeNames as [SeriesRange, ...SeriesRange[]]).meta({ id: "SeriesRange" });

const count = z.int().nonnegative();

export const seriesStepSchema = z
  .strictObject({
    /** When the step begins, ms since 1970. The last one is not over. */
    at: z.int(),
    questions: count,
    /** Answers by the rung that gave them. */
    answered: eachRung(count),
    /** Labels that came for answers of the edge, and the share of these answers that were wrong; null without a label. */
    judged: count,
    error: z.number().nullable(),
    /** Latency of all answers but people's, ms; null without an answer. */
    p50Ms: z.number().nullable(),
    p99Ms: z.number().nullable(),
    /** Cloudflare's price of a million questions as they came, and had all of them gone to the origin; null without questions. */
    usdPerMillion: z.number().nullable(),
    originUsdPerMillion: z.number().nullable(),
  })
  .meta({ id: "SeriesStep" });
/** What happened to a model's questions in a step of time. */
export type SeriesStep = z.infer<typeof seriesStepSchema>;

export const seriesSchema = z
  .strictObject({
    model: modelNameSchema,
    range: seriesRangeSchema,
    everyMs: z.int(),
    targetRisk: z.number().nullable(),
    /** From the oldest step that is known. Reports of regions come some seconds after a change, so that a step may show it late. */
    steps: z.array(seriesStepSchema),
  })
  .meta({ id: "Series" });
/** A model's questions over time. */
export type Series = z.infer<typeof seriesSchema>;
