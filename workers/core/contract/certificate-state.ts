import * as z from "zod";

export const certificateStateSchema = z
  .strictObject({
    /** `held`: error is surely at most the target. `void`: the window before was proven worse, and this one is not held yet. */
    status: z.enum(["valid", "pending", "void"]),
    targetRisk: z.number(),
    confidence: z.number(),
    /** The bounds of the mean error of what was accepted in the window, and that mean itself. */
    bound: z.number(),
    lower: z.number(),
    mean: z.number().nullable(),
    /** The share of what was asked in the window that was accepted. */
    coverage: z.number(),
    labels: z.int(),
    /** How many more labels are needed at the present rate; null where it would never be held. */
    labelsNeeded: z.int().nullable(),
    /** The number of the window, and the days of data time that it spans. */
    window: z.strictObject({ number: z.int(), from: z.string(), to: z.string() }),
    reason: z.string(),
  })
  .meta({ id: "CertificateState" });
/** What the labels of a region's window prove of its accept rule, at this moment. */
export type CertificateState = z.infer<typeof certificateStateSchema>;
