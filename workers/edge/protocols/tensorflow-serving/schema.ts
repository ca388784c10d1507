import * as z from "zod";
import { askSchema } from "#core/contract/index.ts";

/** The signatures of a model: `serving_default` answers at the edge, `escalate` asks the other rungs if needed. */
export const signatureNames = ["serving_default", "escalate"] as const;

/** The body of `:predict`: instances row by row, or inputs column by column. */
export const predictRequestSchema = z
  .object({
    signature_name: z.enum(signatureNames).optional(),
    /** Checked against the model's inputs by a function. */
    instances: z.unknown().optional(),
    inputs: z.unknown().optional(),
    /** The only labels that may be answered: the others score 0. TensorFlow Serving has no such field. */
    candidates: askSchema.shape.candidates,
  })
  .refine((b) => (b.instances === undefined) !== (b.inputs === undefined), "an object with either instances or inputs")
  .meta({ id: "PredictRequest" });
export type PredictRequest = z.infer<typeof predictRequestSchema>;

/** The response to `:predict`, in the request's format. */
export const predictResponseSchema = z
  .union([
    z.object({ predictions: z.array(z.unknown()) }),
    z.object({ outputs: z.union([z.array(z.unknown()), z.record(z.string(), z.array(z.unknown()))]) }),
  ])
  .meta({ id: "PredictResponse" });
export type PredictResponse = z.infer<typeof predictResponseSchema>;

const tensorInfosSchema = z.record(
  z.string(),
  z.object({
    name: z.string(),
    dtype: z.string(),
    tensor_shape: z.object({
      dim: z.array(z.object({ size: z.string(), name: z.string() })),
      unknown_rank: z.boolean(),
    }),
  }),
);
export type TensorInfos = z.infer<typeof tensorInfosSchema>;

const signatureSchema = z.object({ inputs: tensorInfosSchema, outputs: tensorInfosSchema, method_name: z.string() });

export const predictMetadataSchema = z
  .object({
    model_spec: z.object({ name: z.string(), signature_name: z.string(), version: z.string() }),
    metadata: z.object({
      signature_def: z.object({ signature_def: z.record(z.enum(signatureNames), signatureSchema) }),
    }),
  })
  .meta({ id: "PredictMetadata" });
export type PredictMetadata = z.infer<typeof predictMetadataSchema>;
