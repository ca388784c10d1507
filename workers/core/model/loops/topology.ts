import * as z from "zod";
import { readTopology } from "../tfjs/topology.ts";

/** An input of a model, with its shape without the batch. */
export interface GivenLayer {
  name: string;
  shape: number[];
}

/** A layer that computes something, and the layers whose outputs it takes. */
export interface ComputedLayer {
  name: string;
  from: string[];
  kind: z.infer<typeof layerSchema>;
}

/** What a topology says: inputs and outputs in the model's order, and layers, each after those that it takes. */
export interface Topology {
  inputs: GivenLayer[];
  layers: ComputedLayer[];
  outputs: string[];
}

const batchShape = z.tuple([z.null()]).rest(z.int().positive());
const floats = z.literal("float32").nullish();
const layout = z.enum(["channelsLast", "channels_last"]).nullish();
const activation = z.enum(["linear", "relu", "sigmoid", "tanh", "softmax"]);

const layerSchema = z.discriminatedUnion("class_name", [
  z.object({
    class_name: z.literal("EmbeddingBag"),
    config: z.object({ buckets: z.int().positive(), units: z.int().positive() }),
  }),
  z.object({
    class_name: z.literal("Dense"),
    config: z.object({
      units: z.int().positive(),
      activation: activation.nullish().transform((name) => name ?? "linear"),
      use_bias: z.boolean().default(true),
    }),
  }),
  z.object({ class_name: z.literal("Activation"), config: z.object({ activation }) }),
  z.object({ class_name: z.literal("Concatenate"), config: z.object({ axis: z.int().default(-1) }) }),
  z.object({ class_name: z.literal("Flatten"), config: z.object({ data_format: layout }) }),
  z.object({ class_name: z.literal("Reshape"), config: z.object({ target_shape: z.array(z.int().positive()) }) }),
  z.object({ class_name: z.literal("Dropout"), config: z.object({}) }),
]);

const named = z.object({ config: z.object({ name: z.string() }) });
const inputSchema = z.object({
  config: z.object({ name: z.string().default("input"), batch_input_shape: batchShape, dtype: floats }),
});
// Applied once, and without options.
const inbound = z.tuple([
  z.array(z.tuple([z.string(), z.literal(0), z.literal(0)]).rest(z.strictObject({}).nullish())).min(1),
]);
const end = z.tuple([z.string(), z.literal(0), z.literal(0)]);

const functionalSchema = z.object({
  class_name: z.enum(["Model", "Functional"]),
  config: z.object({
    layers: z.array(z.unknown()),
    input_layers: z.array(end).min(1),
    output_layers: z.array(end).min(1),
  }),
});
const sequentialSchema = z.object({
  class_name: z.literal("Sequential"),
  config: z
    .union([z.array(z.unknown()), z.object({ layers: z.array(z.unknown()) })])
    .transform((config) => (Array.isArray(config) ? config : config.layers)),
});

/** Reads the topology of a model whose every layer loops can compute; null for any other. */
export function loopTopology(modelTopology: object): Topology | null {
  const read = readTopology(modelTopology) as { model_config?: unknown };
  const whole = read.model_config ?? read;
  const functional = functionalSchema.safeParse(whole);
  if (functional.success) return functionalOf(functional.data.config);
  const sequential = sequentialSchema.safeParse(whole);
  return sequential.success ? sequentialOf(sequential.data.config) : null;
}

function functionalOf({ layers, input_layers, output_layers }: z.infer<typeof functionalSchema>["config"]) {
  const inputs = new Map<string, GivenLayer>();
  const computed: ComputedLayer[] = [];
  for (const layer of layers) {
    const input = givenOf(layer, (name) => name);
    if (input && classOf(layer) === "InputLayer") inputs.set(input.name, input);
    else {
      const calls = inbound.safeParse((layer as { inbound_nodes?: unknown }).inbound_nodes);
      const own = calls.success
        ? computedOf(
            layer,
            calls.data[0].map(([from]) => from),
          )
        : null;
      if (!own) return null;
      computed.push(own);
    }
  }
  const given = input_layers.map(([name]) => inputs.get(name));
  const ordered = inOrder(computed, new Set(inputs.keys()));
  if (!ordered || !given.every((one) => one !== undefined) || given.length !== inputs.size) return null;
  return { inputs: given, layers: ordered, outputs: output_layers.map(([name]) => name) };
}

function sequentialOf(layers: readonly unknown[]): Topology | null {
  const [first, ...others] = layers;
  const isInput = classOf(first) === "InputLayer";
  // tfjs-layers gives such a model an input that is named after its first layer.
  const input = givenOf(first, (name) => (isInput ? name : `${name}_input`));
  if (!input) return null;
  const computed: ComputedLayer[] = [];
  for (const layer of isInput ? others : layers) {
    const own = computedOf(layer, [computed.at(-1)?.name ?? input.name]);
    if (!own) return null;
    computed.push(own);
  }
  return { inputs: [input], layers: computed, outputs: [computed.at(-1)?.name ?? input.name] };
}

function givenOf(layer: unknown, nameOf: (name: string) => string): GivenLayer | null {
  const input = inputSchema.safeParse(layer);
  if (!input.success) return null;
  const { name, batch_input_shape } = input.data.config;
  return { name: nameOf(name), shape: batch_input_shape.slice(1) as number[] };
}

function computedOf(layer: unknown, from: string[]): ComputedLayer | null {
  const [given, kind] = [named.safeParse(layer), layerSchema.safeParse(layer)];
  return given.success && kind.success ? { name: given.data.config.name, from, kind: kind.data } : null;
}

function classOf(layer: unknown): unknown {
  return (layer as { class_name?: unknown } | undefined)?.class_name;
}

/** Orders layers so that each follows those that it takes; null where one takes an unknown layer, or a name is twice. */
function inOrder(layers: readonly ComputedLayer[], inputs: ReadonlySet<string>): ComputedLayer[] | null {
  const known = new Set(inputs);
  const ordered: ComputedLayer[] = [];
  let left = layers;
  while (left.length > 0) {
    const next = left.filter(({ from }) => from.every((name) => known.has(name)));
    if (next.length === 0) return null;
    for (const layer of next) {
      if (known.has(layer.name)) return null;
      known.add(layer.name);
      ordered.push(layer);
    }
    left = left.filter((layer) => !next.includes(layer));
  }
  return ordered;
}
