import * as z from "zod";

const advantageSchema = z.strictObject({
  questions: z.int(),
  clusters: z.int(),
  thinAccuracy: z.number(),
  fullAccuracy: z.number(),
  /** Mean of [full right] − [thin right]. */
  difference: z.number(),
  /** One-sided 90% bounds on it. */
  lower: z.number(),
  upper: z.number(),
});
/** By how much full is more often right than thin on the same questions. */
export type Advantage = z.infer<typeof advantageSchema>;

export const escalationEstimateSchema = z
  .strictObject({
    /** null if thin would escalate no held-out question. */
    overall: advantageSchema.nullable(),
    /** The regions with enough such questions for an estimate of their own. */
    regions: z.record(z.string(), advantageSchema),
    /** Whether regions escalate before their own labels have shown what pays. */
    isUsed: z.boolean(),
    reason: z.string(),
  })
  .meta({ id: "EscalationEstimate" });
/** What held-out questions say about escalating to full, and whether full is used. */
export type EscalationEstimate = z.infer<typeof escalationEstimateSchema>;

/** `unproven`: too few labels compare the rungs. */
export const escalationStatuses = ["pays", "unproven", "does-not-pay"] as const;
const pairCountsSchema = z.strictObject({ pairs: z.int(), aboveRight: z.int(), edgeRight: z.int() });

export const regionEscalationSchema = z
  .strictObject({
    status: z.enum(escalationStatuses),
    /** Whether every question that the edge does not accept is escalated; otherwise only an exploration share is. */
    escalatesAll: z.boolean(),
    /** The labelled pairs since the status began, and those that led to it. */
    counted: pairCountsSchema,
    decidedBy: pairCountsSchema.nullable(),
    /** Questions that the rung above was not asked, although the edge did not accept them. */
    unasked: z.int(),
    /** The weights of the edge's and the rung above's log scores in an answer from above. */
    weights: z.strictObject({ edge: z.number(), above: z.number() }),
  })
  .meta({ id: "RegionEscalation" });
/** Whether escalation pays in a region. */
export type RegionEscalation = z.infer<typeof regionEscalationSchema>;
