import * as z from "zod";
import { certificateStateSchema } from "./certificate-state.ts";
import { headManifestSchema, ruleSchema } from "./manifest.ts";
import { historyEventSchema } from "./model-state.ts";
import { regionSchema } from "./region.ts";
import { regionRunSchema } from "./run.ts";

export const regionStateSchema = z
  .strictObject({
    region: regionSchema,
    base: z.int().positive(),
    /** The number of the region's head on its base version; null where the global one serves. */
    head: z.int().nullable(),
    headManifest: headManifestSchema.nullable(),
    questions: z.strictObject({ total: z.int(), open: z.int() }),
    samples: z.strictObject({ train: z.int(), validation: z.int(), calibration: z.int() }),
    newestSampleAt: z.int().nullable(),
    breaker: z.enum(["closed", "open"]),
    retrainDueAt: z.int().nullable(),
    lastRun: regionRunSchema.nullable(),
    /** What the region's labels prove of its accept rule; null before the first question. */
    certificate: certificateStateSchema.nullable(),
    /** The rule as the region's labels have moved it; null where the version's holds still. */
    rule: ruleSchema.nullable(),
    /** The radius of recall once it is certified, and what was found last. */
    semanticCache: z
      .looseObject({ radius: z.number().nullable(), report: z.looseObject({ reason: z.string() }) })
      .nullable(),
    /** The last look at the input. */
    drift: z.looseObject({ at: z.int(), alarm: z.boolean(), p: z.number().optional(), against: z.string() }).nullable(),
    /** Samples in R2. */
    archived: z.int(),
    /** What the object keeps. */
    bytes: z.int(),
  })
  .meta({ id: "RegionState" });
export type RegionState = z.infer<typeof regionStateSchema>;

export const regionStatesSchema = z.strictObject({ regions: z.array(regionStateSchema) }).meta({ id: "RegionStates" });

export const regionHeadSchema = z.strictObject({
  base: z.int().positive(),
  number: z.int().positive(),
  createdAt: z.string(),
  /** Whether it serves where its base version does. */
  isCurrent: z.boolean(),
});
/** A head that a region had, or has. */
export type RegionHead = z.infer<typeof regionHeadSchema>;

export const regionDetailSchema = z
  .strictObject({
    state: regionStateSchema,
    /** Every head, the newest first. */
    heads: z.array(regionHeadSchema),
    history: z.array(historyEventSchema),
    runs: z.array(regionRunSchema),
  })
  .meta({ id: "RegionDetail" });
/** One region: what it knows, what it learned, and what was done with its heads. */
export type RegionDetail = z.infer<typeof regionDetailSchema>;

/** The body of `POST …/retrain`: the data time up to which it learns, ms since 1970; now unless given. */
export const retrainSchema = z.strictObject({ at: z.int().nonnegative().optional() }).meta({ id: "Retrain" });

export const forgottenRegionSchema = z
  .strictObject({ model: z.string(), region: regionSchema, forgotten: z.literal(true) })
  .meta({ id: "ForgottenRegion" });
