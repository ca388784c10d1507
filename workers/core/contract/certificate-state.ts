import * as z from "zod";

export const certificateStateSchema = z
  .strictObject({
    /** `valid`: the error bound is at most the target. `void`: the previous window exceeded it, and this one is not valid yet. */
    status: z.enum(["valid", "pending", "void"]),
    targetRisk: z.number(),
    confidence: z.number(),
    /** The mean error of accepted answers in the window, and its upper and lower bound. */
    bound: z.number(),
    lower: z.number(),
    mean: z.number().nullable(),
    /** The share of questions in the window that were accepted. */
    coverage: z.number(),
    labels: z.int(),
    /** How many more labels are needed at the current error rate; null if the rule cannot be certified. */
    labelsNeeded: z.int().nullable(),
    /** The number of the window, and the days of data time that it spans. */
    window: z.strictObject({ number: z.int(), from: z.string(), to: z.string() }),
    reason: z.string(),
    /** The day on which a pending certificate has the labels that it needs, at the rate so far; absent where unknown. */
    expected: z.string().optional(),
  })
  .meta({ id: "CertificateState" });
/** What the labels of a region's current window prove about its accept rule. */
export type CertificateState = z.infer<typeof certificateStateSchema>;
