import * as z from "zod";

export const activations = ["linear", "relu", "relu6", "sigmoid", "tanh"] as const;
export type Activation = (typeof activations)[number];

const activation = z.enum(activations);
const pair = z.union([z.int().positive(), z.tuple([z.int().positive(), z.int().positive()])]);
const padding = z.enum(["same", "valid"]);
const channelsLast = z.literal(["channels_last", "channelsLast"]).nullish();
const weighted = { activation, use_bias: z.boolean() };
const window = { strides: pair.nullish(), padding, data_format: channelsLast };
const undilated = z.union([z.literal(1), z.tuple([z.literal(1), z.literal(1)])]).nullish();

/** Every layer that runs at the edge, by its Keras name: what is read of its configuration, and what it is then. */
const readers = {
  Dense: z
    .object(weighted)
    .transform((c) => ({ type: "dense" as const, activation: c.activation, useBias: c.use_bias })),
  Conv2D: z.object({ ...weighted, ...window, dilation_rate: undilated }).transform((c) => ({
    ...{ type: "conv" as const, activation: c.activation, useBias: c.use_bias },
    ...{ strides: both(c.strides ?? 1), padding: c.padding },
  })),
  DepthwiseConv2D: z.object({ ...weighted, ...window, dilation_rate: undilated }).transform((c) => ({
    ...{ type: "depthwiseConv" as const, activation: c.activation, useBias: c.use_bias },
    ...{ strides: both(c.strides ?? 1), padding: c.padding },
  })),
  MaxPooling2D: z.object({ ...window, pool_size: pair }).transform((c) => ({
    ...{ type: "maxPool" as const, size: both(c.pool_size) },
    ...{ strides: both(c.strides ?? c.pool_size), padding: c.padding },
  })),
  GlobalAveragePooling2D: z
    .object({ data_format: channelsLast })
    .transform(() => ({ type: "globalAveragePool" as const })),
  BatchNormalization: z
    .object({ epsilon: z.number().positive(), center: z.boolean(), scale: z.boolean() })
    .transform((c) => ({ type: "batchNorm" as const, epsilon: c.epsilon, center: c.center, scale: c.scale })),
  Flatten: z.object({}).transform(() => ({ type: "flatten" as const })),
  Reshape: z
    .object({ target_shape: z.array(z.int()) })
    .transform((c) => ({ type: "reshape" as const, shape: c.target_shape })),
  Concatenate: z.object({ axis: z.int() }).transform((c) => ({ type: "concat" as const, axis: c.axis })),
  Activation: z.object({ activation }).transform((c) => ({ type: "activation" as const, activation: c.activation })),
  ReLU: z
    .object({ max_value: z.literal(6).nullish() })
    .transform((c) => ({ type: "activation" as const, activation: c.max_value === 6 ? "relu6" : "relu" }) as const),
  Dropout: z.object({}).transform(() => ({ type: "identity" as const })),
};
type LayerName = keyof typeof readers;

/** What a step of a network does. */
export type Operation = z.output<(typeof readers)[LayerName]>;

/** The operation of a layer, or what is wrong with it. */
export function operationOf(className: string, config: unknown): Operation | string {
  if (!Object.hasOwn(readers, className)) {
    return `'${className}' does not run here; what does is ${Object.keys(readers).join(", ")}`;
  }
  const result = readers[className as LayerName].safeParse(config);
  return result.success ? result.data : `'${className}' with ${z.prettifyError(result.error)}`;
}

function both(value: number | [number, number]): [number, number] {
  return typeof value === "number" ? [value, value] : value;
}
