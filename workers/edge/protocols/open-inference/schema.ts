import * as z from "zod";
import { limits } from "../../../core/limits.ts";
import { datatypeNames } from "../datatypes.ts";

const shapeSchema = z.array(z.int().nonnegative()).max(limits.tensorMaxDimensions);

/** One input tensor: its values in `data`, or as so many bytes after the JSON. */
export const inputTensorSchema = z.object({
  name: z.string(),
  shape: shapeSchema,
  datatype: z.enum(datatypeNames),
  parameters: z.object({ binary_data_size: z.int().nonnegative().optional() }).optional(),
  /** Checked by hand against shape and datatype. */
  data: z.unknown().optional(),
});
export type InputTensor = z.infer<typeof inputTensorSchema>;

/** An output that is asked for, and how. */
export const requestedOutputSchema = z.object({
  name: z.string(),
  parameters: z
    .object({
      binary_data: z.boolean().optional(),
      /** How many of the best classes to give as "score:index:label". */
      classification: z.int().positive().optional(),
    })
    .optional(),
});
export type RequestedOutput = z.infer<typeof requestedOutputSchema>;

/** The JSON of an inference request; parameters of other servers are let be. */
export const inferRequestSchema = z.object({
  id: z.string().max(limits.idMaxChars).optional(),
  parameters: z
    .object({
      /** Whether what the edge is not sure of climbs. */
      escalate: z.boolean().optional(),
      region: z.string().optional(),
      binary_data_output: z.boolean().optional(),
    })
    .optional(),
  inputs: z.array(inputTensorSchema).min(1),
  outputs: z.array(requestedOutputSchema).optional(),
});
export type InferRequest = z.infer<typeof inferRequestSchema>;
