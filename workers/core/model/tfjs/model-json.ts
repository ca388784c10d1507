import * as z from "zod";
import { EngineError } from "../engine.ts";

const quantisedSchema = z.discriminatedUnion("dtype", [
  z.object({ dtype: z.enum(["uint8", "uint16"]), scale: z.number(), min: z.number() }),
  z.object({ dtype: z.literal("float16") }),
]);

const weightSchema = z.object({
  name: z.string(),
  shape: z.array(z.int().nonnegative()),
  dtype: z.enum(["float32", "int32", "bool"]),
  quantization: quantisedSchema.optional(),
});
/** A weight as model.json lists it; `quantization` says how it is stored. */
export type WeightSpec = z.infer<typeof weightSchema>;

const modelJsonSchema = z.object({
  modelTopology: z.looseObject({}),
  weightsManifest: z.array(z.object({ paths: z.array(z.string()), weights: z.array(weightSchema) })),
  /** What a graph's inputs and outputs are called. */
  signature: z.looseObject({}).optional(),
  userDefinedMetadata: z.looseObject({}).optional(),
});

/** A model.json in TensorFlow.js's layers or graph format, its topology not yet read. */
export type ModelJson = z.infer<typeof modelJsonSchema>;

/** Reads a model.json. Throws `EngineError` where it is none, naming what is wrong. */
export function readModelJson(bytes: ArrayBuffer): ModelJson {
  return parsed(
    modelJsonSchema,
    parseJson(bytes),
    "a TensorFlow.js model.json with weights of numbers or truth values",
  );
}

/** The weights of all groups, in the order in which the shards hold them. */
export function weightsOf({ weightsManifest }: Pick<ModelJson, "weightsManifest">): WeightSpec[] {
  return weightsManifest.flatMap(({ weights }) => weights);
}

/** A value that follows a schema. Throws `EngineError`, saying what was expected and what is wrong. */
export function parsed<T>(schema: z.ZodType<T>, value: unknown, expected: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new EngineError(
    `Error in load: model.json must be ${expected}, but ${z.prettifyError(result.error)}. Export such a model, or ` +
      "serve it at the origin.",
  );
}

function parseJson(bytes: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new EngineError("Error in load: model.json is not JSON; publish the version again", { cause });
  }
}
