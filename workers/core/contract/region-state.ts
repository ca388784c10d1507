import * as z from "zod";
import { certificateStateSchema } from "./certificate-state.ts";
import { contributionSchema } from "./contribution.ts";
import { regionEscalationSchema } from "./escalation.ts";
import { externalRungStateSchema } from "./external-rung.ts";
import { headManifestSchema, ruleSchema } from "./manifest.ts";
import { historyEventSchema } from "./model-state.ts";
import { regionSchema } from "./region.ts";
import { regionRunSchema } from "./run.ts";
import { regionSpendingSchema } from "./spending.ts";

export const regionStateSchema = z
  .strictObject({
    region: regionSchema,
    base: z.int().positive(),
    /** The number of the region's head on its base version; null for the global head. */
    head: z.int().nullable(),
    headManifest: headManifestSchema.nullable(),
    questions: z.strictObject({ total: z.int(), open: z.int() }),
    samples: z.strictObject({ train: z.int(), validation: z.int(), calibration: z.int() }),
    /** Whose labels the region has, and the limits for those whose token is not trusted. */
    influence: z
      .strictObject({
        /** Trusted labels, by truth or by people, in `train`: what the limits are relative to. */
        evidence: z.int(),
        untrusted: z.int(),
        limits: z.strictObject({ inAll: z.int(), ofOwner: z.int(), perDay: z.int(), ofOwnerPerDay: z.int() }),
        refusedToday: z.int(),
        /** The tokens with the most labels, the first ones first; null is unknown. */
        owners: z.array(z.strictObject({ owner: z.string().nullable(), trusted: z.boolean(), samples: z.int() })),
      })
      .optional(),
    /** Contributions that retrains learn from, and the full labels in them; absent without any. */
    contributions: z.strictObject({ contributors: z.int(), labels: z.number() }).optional(),
    newestSampleAt: z.int().nullable(),
    breaker: z.enum(["closed", "open"]),
    retrainDueAt: z.int().nullable(),
    lastRun: regionRunSchema.nullable(),
    /** What the region's labels prove about its accept rule; null before the first question. */
    certificate: certificateStateSchema.nullable(),
    /** The rule adjusted by the region's labels; null while the version's rule applies. */
    rule: ruleSchema.nullable(),
    /** Whether escalation pays; null without a rung above. */
    escalation: regionEscalationSchema.nullable(),
    /** The rungs above that we don't own; absent without any. */
    above: z.array(externalRungStateSchema).optional(),
    /** What the rungs with a price cost in this month; absent without any. */
    spending: regionSpendingSchema.optional(),
    /** The certified radius of the semantic cache (null without one), and the last report about it. */
    semanticCache: z
      .looseObject({ radius: z.number().nullable(), report: z.looseObject({ reason: z.string() }) })
      .nullable(),
    /** The result of the last drift test of the inputs. */
    drift: z.looseObject({ at: z.int(), alarm: z.boolean(), p: z.number().optional(), against: z.string() }).nullable(),
    /** Number of samples in R2. */
    archived: z.int(),
    /** Size of the object's storage. */
    bytes: z.int(),
    /** When the region reported this, ms since 1970; absent where it was asked for it. */
    asOf: z.int().optional(),
  })
  .meta({ id: "RegionState" });
export type RegionState = z.infer<typeof regionStateSchema>;

const countSchema = z.int().nonnegative();

/** What all regions of a model are together. */
const regionSumsSchema = z
  .strictObject({
    regions: countSchema,
    /** Regions by the version that serves them. */
    bases: z.record(z.string(), countSchema),
    /** Regions that have a head of their own, whose inputs have drifted, and by the status of their certificate. */
    heads: countSchema,
    drift: countSchema,
    certificates: z.strictObject({ valid: countSchema, pending: countSchema, void: countSchema }),
    /** Questions that were not escalated, since that does not pay. */
    unasked: countSchema,
  })
  .meta({ id: "RegionSums" });

/** The largest number of regions in a page, which is the default. */
export const regionPageMax = 100;

export const regionStatesSchema = z
  .strictObject({
    /** A page of the regions, by name. */
    regions: z.array(regionStateSchema),
    /** Those of the page that did not reply, and are not in `regions`. */
    silent: z.array(z.string()).optional(),
    /** The `after` of the next page; null on the last one. */
    next: z.string().nullable(),
    /** Of all regions that the token may use, not of the page alone. */
    sums: regionSumsSchema,
  })
  .meta({ id: "RegionStates" });
export type RegionStates = z.infer<typeof regionStatesSchema>;

export const regionHeadSchema = z.strictObject({
  base: z.int().positive(),
  number: z.int().positive(),
  createdAt: z.string(),
  /** Whether it answers where its base version is served. */
  isCurrent: z.boolean(),
});
/** A current or former head of a region. */
export type RegionHead = z.infer<typeof regionHeadSchema>;

export const regionDetailSchema = z
  .strictObject({
    state: regionStateSchema,
    /** Every head, the newest first. */
    heads: z.array(regionHeadSchema),
    history: z.array(historyEventSchema),
    runs: z.array(regionRunSchema),
    /** What places below contributed, the last ones first; absent without any. */
    contributions: z.array(contributionSchema).optional(),
  })
  .meta({ id: "RegionDetail" });
/** One region: its state, heads, history and retrains. */
export type RegionDetail = z.infer<typeof regionDetailSchema>;

/** The body of `POST …/retrain`. */
export const retrainSchema = z
  .strictObject({
    /** The data time up to which the region learns, ms since 1970; now by default. */
    at: z.int().nonnegative().optional(),
    /** Tokens that are not trusted, whose labels may decide the outcome; `*` stands for all. */
    acceptOwners: z.array(z.string().min(1)).max(100).optional(),
  })
  .meta({ id: "Retrain" });

export const forgottenRegionSchema = z
  .strictObject({ model: z.string(), region: regionSchema, forgotten: z.literal(true) })
  .meta({ id: "ForgottenRegion" });
