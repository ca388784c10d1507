import * as z from "zod";
import { activations, type Operation, type WeightPart } from "./topology.ts";

const activation = z.enum(activations);
const pair = z.union([z.int().positive(), z.tuple([z.int().positive(), z.int().positive()])]);
const padding = z.enum(["same", "valid"]);
const channelsLast = z.literal(["channels_last", "channelsLast"]).nullish();
const undilated = z.union([z.literal(1), z.tuple([z.literal(1), z.literal(1)])]).nullish();
const window = { strides: pair.nullish(), padding, data_format: channelsLast };
const weighted = { activation, use_bias: z.boolean() };
const convolution = z.object({ ...weighted, ...window, dilation_rate: undilated }).transform((c) => ({
  ...{ activation: c.activation, useBias: c.use_bias },
  ...{ strides: both(c.strides ?? 1), padding: c.padding },
}));

interface Layer {
  config: z.ZodType<Operation>;
  weights?: readonly WeightPart[];
}

/** Every layer that runs at the edge, by its Keras name: what is read of its configuration, and the weights it has. */
const layers: Record<string, Layer> = {
  Dense: {
    config: z
      .object(weighted)
      .transform((c) => ({ type: "dense" as const, activation: c.activation, useBias: c.use_bias })),
    weights: ["kernel", "bias"],
  },
  Conv2D: {
    config: convolution.transform((c) => ({ type: "conv" as const, ...c })),
    weights: ["kernel", "bias"],
  },
  DepthwiseConv2D: {
    config: convolution.transform((c) => ({ type: "depthwiseConv" as const, ...c })),
    weights: ["depthwise_kernel", "bias"],
  },
  SeparableConv2D: {
    config: convolution.transform((c) => ({ type: "separableConv" as const, ...c })),
    weights: ["depthwise_kernel", "pointwise_kernel", "bias"],
  },
  MaxPooling2D: {
    config: z.object({ ...window, pool_size: pair }).transform((c) => ({
      ...{ type: "maxPool" as const, size: both(c.pool_size) },
      ...{ strides: both(c.strides ?? c.pool_size), padding: c.padding },
    })),
  },
  GlobalAveragePooling2D: {
    config: z
      .object({ data_format: channelsLast, keepdims: z.literal(false).nullish() })
      .transform(() => ({ type: "globalAveragePool" as const })),
  },
  BatchNormalization: {
    config: z
      .object({
        axis: z.union([z.int(), z.tuple([z.int()]).transform(([axis]) => axis)]),
        epsilon: z.number().positive(),
        center: z.boolean(),
        scale: z.boolean(),
      })
      .transform((c) => ({
        ...{ type: "batchNorm" as const, axis: c.axis },
        ...{ epsilon: c.epsilon, center: c.center, scale: c.scale },
      })),
    weights: ["gamma", "beta", "moving_mean", "moving_variance"],
  },
  Flatten: { config: z.object({}).transform(() => ({ type: "flatten" as const })) },
  Reshape: {
    config: z
      .object({ target_shape: z.array(z.int()) })
      .transform((c) => ({ type: "reshape" as const, shape: c.target_shape })),
  },
  Concatenate: {
    config: z.object({ axis: z.int() }).transform((c) => ({ type: "concat" as const, axis: c.axis })),
  },
  Add: { config: z.object({}).transform(() => ({ type: "add" as const })) },
  Multiply: { config: z.object({}).transform(() => ({ type: "multiply" as const })) },
  Activation: {
    config: z.object({ activation }).transform((c) => ({ type: "activation" as const, activation: c.activation })),
  },
  ReLU: {
    config: z
      .object({
        max_value: z.literal(6).nullish(),
        negative_slope: z.literal(0).nullish(),
        threshold: z.literal(0).nullish(),
      })
      .transform((c) => ({ type: "activation" as const, activation: c.max_value === 6 ? "relu6" : "relu" }) as const),
  },
  Dropout: { config: z.object({}).transform(() => ({ type: "identity" as const })) },
};

/** The operation of a layer and its weights' parts, or what is wrong with it. */
export function layerOperation(
  className: string,
  config: unknown,
): { operation: Operation; parts: readonly WeightPart[] } | string {
  const layer = Object.hasOwn(layers, className) ? layers[className] : undefined;
  if (!layer) return `'${className}' does not run here; what does is ${Object.keys(layers).join(", ")}`;
  const result = layer.config.safeParse(config);
  if (!result.success) return `'${className}' with ${z.prettifyError(result.error)}`;
  return { operation: result.data, parts: layer.weights ?? [] };
}

function both(value: number | [number, number]): [number, number] {
  return typeof value === "number" ? [value, value] : value;
}
