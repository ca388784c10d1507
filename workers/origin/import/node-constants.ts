import * as z from "zod";
import { EngineError } from "#core/model/engine.ts";
import { type ModelJson, type WeightSpec, weightsOf } from "#core/model/tfjs/model-json.ts";
import type { StoredPart } from "../train/pack.ts";

const numbers = z.array(z.union([z.number(), z.string().transform(Number), z.boolean().transform(Number)]));
const constantSchema = z.object({
  name: z.string(),
  op: z.literal("Const"),
  attr: z.object({
    value: z.object({
      tensor: z.object({
        dtype: z.union([z.string(), z.number()]),
        tensorShape: z
          .object({ dim: z.array(z.object({ size: z.union([z.string(), z.number()]).default(0) })).default([]) })
          .default({ dim: [] }),
        /** Base64 of the values in their binary form. */
        tensorContent: z.string().optional(),
        ...{ floatVal: numbers.optional(), intVal: numbers.optional(), int64Val: numbers.optional() },
        ...{ boolVal: numbers.optional(), doubleVal: numbers.optional() },
      }),
    }),
  }),
});
type ConstantTensor = z.infer<typeof constantSchema>["attr"]["value"]["tensor"];

/** The types of GraphDef that TensorFlow.js has, by name and number. */
const types: Record<string, WeightSpec["dtype"]> = {
  ...{ DT_FLOAT: "float32", 1: "float32", DT_INT32: "int32", 3: "int32", DT_BOOL: "bool", 10: "bool" },
};

/**
 * Lists the constants of a graph whose values are in their nodes. TensorFlow.js reads constants from the weights alone, where
 * its converter puts them. Throws `EngineError` for a constant that has no value anywhere.
 */
export function nodeConstants(modelJson: ModelJson): StoredPart[] {
  const { node } = modelJson.modelTopology;
  if (!Array.isArray(node)) return [];
  const known = new Set(weightsOf(modelJson).map(({ name }) => name));
  return node
    .filter((one) => one?.op === "Const" && !known.has(one.name))
    .map((one) => {
      const read = constantSchema.safeParse(one);
      if (read.success) return partOf(read.data.name, read.data.attr.value.tensor);
      throw noValue(String(one.name));
    });
}

function partOf(name: string, tensor: ConstantTensor): StoredPart {
  const { dtype: type, tensorShape, tensorContent, floatVal, intVal, boolVal } = tensor;
  const dtype = types[type];
  if (!dtype) throw noValue(name);
  const shape = tensorShape.dim.map(({ size }) => Number(size));
  const size = shape.reduce((product, one) => product * one, 1);
  const spec = { name, shape, dtype };
  if (tensorContent) {
    return { spec, bytes: Uint8Array.from(atob(tensorContent), (character) => character.charCodeAt(0)) };
  }
  const listed = { float32: floatVal, int32: intVal, bool: boolVal }[dtype] ?? [];
  if (size > 0 && listed.length === 0) throw noValue(name);
  // The last value stands for those that are not listed.
  const values = Array.from({ length: size }, (_, i) => listed[Math.min(i, listed.length - 1)] as number);
  const array = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[dtype].from(values);
  return { spec, bytes: new Uint8Array(array.buffer) };
}

function noValue(name: string): EngineError {
  return new EngineError(
    `Node '${name}' is a constant without a value of numbers or truth values, in the weights or in the node. Convert the model ` +
      "again with tensorflowjs_converter.",
  );
}
