import * as z from "zod";
import { EngineError } from "../engine.ts";
import { layerOperation } from "./layer-operations.ts";
import { type ModelJson, parsed } from "./model-json.ts";
import { activations, type Step, type Topology } from "./topology.ts";

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

/** Reads a Sequential or functional network. Throws `EngineError`, naming what does not run here. */
export function readLayersModel({ modelTopology }: ModelJson): Topology {
  // Keras nests `model_config`; TensorFlow.js's own exports are flat.
  const expected = "a Sequential or functional network with one output";
  const network = parsed(networkSchema, modelTopology.model_config ?? modelTopology, expected);
  return network.class_name === "Sequential" ? sequential(network) : functional(network);
}

function sequential({ config }: z.infer<typeof sequentialSchema>): Topology {
  const input = { name: "input", shape: config.layers.map(declaredShape).find((shape) => shape !== null) ?? null };
  let before = input.name;
  const steps = config.layers.filter(isStep).map((layer, i) => {
    const step = stepOf(layer, nameOf(layer, i), [before]);
    before = step.name;
    return step;
  });
  return { inputs: [input], steps, output: before };
}

function functional({ config }: z.infer<typeof functionalSchema>): Topology {
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
    steps.push(stepOf(layer, name, inboundOf(layer)));
    done.add(name);
  }
  const [[output]] = config.output_layers as [[string, number, number]];
  if (!done.has(output)) throw new EngineError(`Error in load: there is no layer '${output}' to give the embedding`);
  return { inputs, steps, output };
}

function stepOf(layer: LayerJson, name: string, inputs: string[]): Step {
  const read = layerOperation(layer.class_name, layer.config);
  if (typeof read === "string") {
    throw new EngineError(
      `Error in load: layer '${name}': ${read}. Layers that run at the edge have the activations ` +
        `${activations.join(", ")}. Export such a model, or serve it at the origin.`,
    );
  }
  const weights = Object.fromEntries(read.parts.map((part) => [part, `${name}/${part}`]));
  return { name, inputs, operation: read.operation, weights };
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
