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
  /** `optimizer` for what only training uses. */
  group: z.string().optional(),
});
/** A weight listed in model.json; `quantization` describes how it is stored. */
export type WeightSpec = z.infer<typeof weightSchema>;

const modelJsonSchema = z.object({
  modelTopology: z.looseObject({}),
  /** A model without weights may lack it. */
  weightsManifest: z
    .array(z.object({ paths: z.array(z.string()), weights: z.array(weightSchema) }))
    .nullish()
    .transform((groups) => groups ?? []),
  /** The names of a graph's inputs and outputs. */
  signature: z.looseObject({}).optional(),
  userDefinedMetadata: z.looseObject({}).optional(),
});

/** A model.json in TensorFlow.js's layers or graph format, with an unparsed topology. */
export type ModelJson = z.infer<typeof modelJsonSchema>;

/** Parses a model.json. Throws `EngineError` with the fault if it is not one. */
export function readModelJson(bytes: ArrayBuffer): ModelJson {
  const expected = "a TensorFlow.js model.json with weights of numbers or truth values";
  const file = parsed(modelJsonSchema, parseJson(bytes), expected);
  const names = weightsOf(file).flatMap(({ name, group }) => (group === "optimizer" ? [] : [name]));
  const known = new Set<string>();
  const twice = names.find((name) => known.size === known.add(name).size);
  if (twice === undefined) return file;
  throw new EngineError(
    `model.json lists two weights '${twice}'. Give the layers different names, and save the model again.`,
  );
}

/** Lists the weights of all groups in the order of the shards. */
export function weightsOf({ weightsManifest }: Pick<ModelJson, "weightsManifest">): WeightSpec[] {
  return weightsManifest.flatMap(({ weights }) => weights);
}

/** Parses a value by a schema. Throws `EngineError` with what was expected and the first fault. */
export function parsed<T>(schema: z.ZodType<T>, value: unknown, expected: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new EngineError(
    `model.json must be ${expected}; the fault is at '${result.error.issues[0]?.path.join(".") ?? ""}'. Export such a ` +
      "model, or serve it at the origin.",
  );
}

function parseJson(bytes: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new EngineError("model.json is not valid JSON. Publish the version again.", { cause });
  }
}
