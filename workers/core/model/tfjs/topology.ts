import * as z from "zod";
import { EngineError } from "../engine.ts";

export const activations = ["linear", "relu", "sigmoid", "tanh"] as const;
export type Activation = (typeof activations)[number];

const denseSchema = z.object({
  class_name: z.literal("Dense"),
  config: z.object({
    name: z.string(),
    units: z.int().positive(),
    activation: z.enum(activations),
    use_bias: z.boolean(),
  }),
});
const inputSchema = z.object({ class_name: z.literal("InputLayer") });

const weightSchema = z.object({
  name: z.string(),
  shape: z.array(z.int().positive()),
  dtype: z.literal("float32"),
});
export type WeightSpec = z.infer<typeof weightSchema>;

const modelJsonSchema = z.object({
  modelTopology: z.looseObject({}),
  weightsManifest: z.array(z.object({ weights: z.array(weightSchema) })),
});

/** Keras 2 nests `model_config` and its layers; older exports are flat. */
const sequentialSchema = z.object({
  class_name: z.literal("Sequential"),
  config: z.object({ layers: z.array(z.unknown()).min(1) }),
});

export interface DenseLayer {
  name: string;
  units: number;
  activation: Activation;
  useBias: boolean;
}

/** A sequential model.json read into dense layers and the order of its weights. */
export function readTopology(topology: ArrayBuffer): { layers: DenseLayer[]; weights: WeightSpec[] } {
  const file = parsed(modelJsonSchema, parseJson(topology), "model.json");
  const inner = file.modelTopology.model_config ?? file.modelTopology;
  const sequential = parsed(sequentialSchema, inner, "modelTopology");
  const layers = sequential.config.layers
    .filter((layer) => !inputSchema.safeParse(layer).success)
    .map((layer, i) => {
      const { config } = parsed(denseSchema, layer, `layers[${i}]`);
      return { name: config.name, units: config.units, activation: config.activation, useBias: config.use_bias };
    });
  return { layers, weights: file.weightsManifest.flatMap((group) => group.weights) };
}

function parseJson(topology: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(topology));
  } catch (cause) {
    throw new EngineError("Error in load: model.json is not JSON; publish the version again", { cause });
  }
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new EngineError(
    `Error in load: ${where} must be a Sequential of Dense layers in float32 (${activations.join(", ")}), ` +
      `but ${z.prettifyError(result.error)}. Export such a model, or serve it at the origin.`,
  );
}
