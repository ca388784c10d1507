import * as z from "zod";
import { EngineError } from "../engine.ts";
import { activations, type Operation, operationOf } from "./operations.ts";

export type { Activation, Operation } from "./operations.ts";

/** A step of a network: what it does, and the steps whose outputs it takes. */
export interface Step {
  name: string;
  inputs: string[];
  operation: Operation;
}

const quantisedSchema = z.discriminatedUnion("dtype", [
  z.object({ dtype: z.enum(["uint8", "uint16"]), scale: z.number(), min: z.number() }),
  z.object({ dtype: z.literal("float16") }),
]);

const weightSchema = z.object({
  name: z.string(),
  shape: z.array(z.int().nonnegative()),
  dtype: z.literal("float32"),
  quantization: quantisedSchema.optional(),
});
/** A weight as model.json lists it; `quantization` says how it is stored. */
export type WeightSpec = z.infer<typeof weightSchema>;

const modelJsonSchema = z.object({
  modelTopology: z.looseObject({}),
  weightsManifest: z.array(z.object({ weights: z.array(weightSchema) })),
});

const layerSchema = z.object({
  class_name: z.string(),
  name: z.string().optional(),
  config: z.looseObject({ name: z.string().optional(), batch_input_shape: z.array(z.int().nullable()).optional() }),
  inbound_nodes: z.array(z.unknown()).optional(),
});
type LayerJson = z.infer<typeof layerSchema>;

const sequentialSchema = z.object({
  class_name: z.literal("Sequential"),
  config: z.object({ layers: z.array(layerSchema).min(1) }),
});

const endSchema = z.tuple([z.string(), z.int(), z.int()]);
const functionalSchema = z.object({
  class_name: z.enum(["Functional", "Model"]),
  config: z.object({
    layers: z.array(layerSchema).min(1),
    input_layers: z.array(endSchema).min(1),
    output_layers: z.array(endSchema).length(1),
  }),
});
const networkSchema = z.discriminatedUnion("class_name", [sequentialSchema, functionalSchema]);

/** A network as steps in the order in which they run, its inputs first. */
export interface Topology {
  /** The names of its inputs, and the shapes that they declare, without the batch; null where they declare none. */
  inputs: { name: string; shape: number[] | null }[];
  steps: Step[];
  output: string;
  weights: WeightSpec[];
}

/** Reads a model.json of a Sequential or functional network. Throws `EngineError`, naming what it can't run. */
export function readTopology(topology: ArrayBuffer): Topology {
  const file = parsed(modelJsonSchema, parseJson(topology), "model.json");
  // Keras nests `model_config`; TensorFlow.js's own exports are flat.
  const network = parsed(networkSchema, file.modelTopology.model_config ?? file.modelTopology, "modelTopology");
  const weights = file.weightsManifest.flatMap((group) => group.weights);
  return { ...(network.class_name === "Sequential" ? sequential(network) : functional(network)), weights };
}

function sequential({ config }: z.infer<typeof sequentialSchema>): Omit<Topology, "weights"> {
  const input = { name: "input", shape: config.layers.map(declaredShape).find((shape) => shape !== null) ?? null };
  let before = input.name;
  const steps = config.layers.filter(isStep).map((layer, i): Step => {
    const name = nameOf(layer, i);
    const step = { name, inputs: [before], operation: operation(layer, i) };
    before = name;
    return step;
  });
  return { inputs: [input], steps, output: before };
}

function functional({ config }: z.infer<typeof functionalSchema>): Omit<Topology, "weights"> {
  const byName = new Map(config.layers.map((layer, i) => [nameOf(layer, i), layer]));
  const inputs = config.input_layers.map(([name]) => {
    const layer = byName.get(name);
    return { name, shape: layer ? declaredShape(layer) : null };
  });
  const steps: Step[] = [];
  const done = new Set(inputs.map(({ name }) => name));
  const waiting = config.layers.filter(isStep);
  // Layers come in any order: each follows those whose outputs it takes.
  while (waiting.length > 0) {
    const i = waiting.findIndex((layer) => inboundOf(layer).every((name) => done.has(name)));
    const [layer] = i < 0 ? [] : waiting.splice(i, 1);
    if (!layer) throw new EngineError(`Error in load: layer '${waiting[0] && nameOf(waiting[0], 0)}' has no input`);
    const name = nameOf(layer, i);
    steps.push({ name, inputs: inboundOf(layer), operation: operation(layer, i) });
    done.add(name);
  }
  const [[output]] = config.output_layers as [[string, number, number]];
  if (!done.has(output)) throw new EngineError(`Error in load: there is no layer '${output}' to give the embedding`);
  return { inputs, steps, output };
}

function operation(layer: LayerJson, i: number): Operation {
  const read = operationOf(layer.class_name, layer.config);
  if (typeof read !== "string") return read;
  throw new EngineError(
    `Error in load: layer '${nameOf(layer, i)}': ${read}. Layers that run at the edge have the activations ` +
      `${activations.join(", ")}. Export such a model, or serve it at the origin.`,
  );
}

// Keras 2 and TensorFlow.js write [[name, node, tensor, {}], …] for each call of a layer; Keras 3 nests tensors.
function inboundOf(layer: LayerJson): string[] {
  const names: string[] = [];
  const walk = (value: unknown): void => {
    if (Array.isArray(value) && typeof value[0] === "string") names.push(value[0]);
    else if (Array.isArray(value)) value.forEach(walk);
    else if (typeof value === "object" && value !== null) {
      const { keras_history: history } = value as { keras_history?: unknown };
      if (Array.isArray(history)) names.push(String(history[0]));
      else Object.values(value).forEach(walk);
    }
  };
  walk(layer.inbound_nodes?.[0] ?? []);
  return names;
}

function isStep(layer: LayerJson): boolean {
  return layer.class_name !== "InputLayer";
}

function nameOf(layer: LayerJson, i: number): string {
  return layer.config.name ?? layer.name ?? `layer_${i}`;
}

function declaredShape({ config }: LayerJson): number[] | null {
  const shape = config.batch_input_shape ?? (config.batch_shape as (number | null)[] | undefined);
  const own = shape?.slice(1);
  return own?.every((dimension) => dimension !== null) ? own : null;
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
    `Error in load: ${where} must be a Sequential or functional network with one output, but ` +
      `${z.prettifyError(result.error)}. Export such a model, or serve it at the origin.`,
  );
}
