import * as z from "zod";
import { questionIdMaxChars } from "#core/contract/index.ts";
import { datatypeNames } from "../datatypes.ts";

const tensorMaxDimensions = 8;

const shapeSchema = z.array(z.int().nonnegative()).max(tensorMaxDimensions);

/** An input tensor, with its values in `data` or in `binary_data_size` bytes after the JSON. */
export const inputTensorSchema = z.object({
  name: z.string(),
  shape: shapeSchema,
  datatype: z.enum(datatypeNames),
  parameters: z.object({ binary_data_size: z.int().nonnegative().nullish() }).nullish(),
  /** Checked against shape and datatype by a function. */
  data: z.unknown().optional(),
});
export type InputTensor = z.infer<typeof inputTensorSchema>;

/** A requested output and its form. */
export const requestedOutputSchema = z.object({
  name: z.string(),
  parameters: z
    .object({
      binary_data: z.boolean().nullish(),
      /** The number of best classes to return as "score:index:label". */
      classification: z.int().positive().nullish(),
    })
    .nullish(),
});
export type RequestedOutput = z.infer<typeof requestedOutputSchema>;

/** The JSON of an inference request. Unknown parameters are ignored, and null counts as absent. */
export const inferRequestSchema = z
  .object({
    id: z.string().max(questionIdMaxChars).nullish(),
    parameters: z
      .object({
        /** Whether questions that the edge does not accept escalate. */
        escalate: z.boolean().nullish(),
        region: z.string().nullish(),
        /** The only labels that may be answered, as a JSON array: values of parameters are no lists. */
        candidates: z.string().nullish(),
        binary_data_output: z.boolean().nullish(),
      })
      .nullish(),
    inputs: z.array(inputTensorSchema).min(1),
    outputs: z.array(requestedOutputSchema).nullish(),
  })
  .meta({ id: "InferRequest" });
export type InferRequest = z.infer<typeof inferRequestSchema>;

/** The error response of the protocols. */
export const errorSchema = z.object({ error: z.string() }).meta({ id: "ProtocolError" });

export const liveSchema = z.object({ live: z.boolean(), ready: z.boolean().optional() }).meta({ id: "Live" });
export const modelReadySchema = z.object({ name: z.string(), ready: z.boolean() }).meta({ id: "ModelReady" });

export const serverMetadataSchema = z
  .object({
    name: z.string(),
    version: z.string(),
    extensions: z.array(z.string()),
  })
  .meta({ id: "ServerMetadata" });
export type ServerMetadata = z.infer<typeof serverMetadataSchema>;

const tensorMetadataSchema = z.object({
  name: z.string(),
  datatype: z.enum(datatypeNames),
  /** −1 is any size; the first dimension is the batch. */
  shape: z.array(z.int().min(-1)),
  /** The labels of a classifier's scores. */
  parameters: z.object({ labels: z.array(z.string()) }).optional(),
});

export const modelMetadataSchema = z
  .object({
    name: z.string(),
    versions: z.array(z.string()),
    platform: z.enum(["tensorflowjs_graphmodel", "tensorflowjs_layersmodel"]),
    inputs: z.array(tensorMetadataSchema),
    outputs: z.array(tensorMetadataSchema),
  })
  .meta({ id: "ModelMetadata" });
export type ModelMetadata = z.infer<typeof modelMetadataSchema>;

const outputTensorSchema = z.object({
  name: z.string(),
  datatype: z.enum(datatypeNames),
  shape: z.array(z.int().nonnegative()),
  /** Values in row-major order; absent if they follow the JSON as bytes. */
  data: z.array(z.union([z.number(), z.string(), z.boolean(), z.null()])).optional(),
  parameters: z.object({ binary_data_size: z.int().nonnegative() }).optional(),
});

/** The JSON of a response to an inference request. */
export const inferResponseSchema = z
  .object({
    model_name: z.string(),
    /** Absent if different versions answered the rows; the output `version` lists them. */
    model_version: z.string().optional(),
    id: z.string().optional(),
    outputs: z.array(outputTensorSchema),
  })
  .meta({ id: "InferResponse" });
export type InferResponse = z.infer<typeof inferResponseSchema>;
