import * as z from "zod";

/** The signatures that a model has: the edge's own answer, or one from above where the edge is not sure. */
export const signatureNames = ["serving_default", "escalate"] as const;

/** The body of `:predict`: instances row by row, or inputs column by column. */
export const predictRequestSchema = z
  .object({
    signature_name: z.enum(signatureNames).optional(),
    /** Checked by hand against the model's inputs. */
    instances: z.unknown().optional(),
    inputs: z.unknown().optional(),
  })
  .refine((b) => (b.instances === undefined) !== (b.inputs === undefined), "either instances or inputs");
export type PredictRequest = z.infer<typeof predictRequestSchema>;
