import * as z from "zod";
import { fieldNameExpected, isFieldName } from "./field-name.ts";

export const tensorTypes = ["float32", "int32", "bool"] as const;
export type TensorType = (typeof tensorTypes)[number];

/** An input or output of a model: its public name, its tensor in the model, and its shape without the batch dimension. */
export const tensorSpecSchema = z
  .strictObject({
    name: z.string().min(1).max(128).refine(isFieldName, fieldNameExpected),
    /** A graph's node or a layer, with its application and output where they are not the first: see `parseTensor`. */
    tensor: z.string().min(1),
    /** −1: any size. */
    shape: z.array(z.union([z.int().positive(), z.literal(-1)])),
    dtype: z.enum(tensorTypes),
  })
  .meta({ id: "TensorSpec" });
export type TensorSpec = z.infer<typeof tensorSpecSchema>;
