import * as z from "zod";
import { EngineError } from "../engine.ts";
import { type GraphNode, graphOperation, nodeSchema } from "./graph-operations.ts";
import { type ModelJson, parsed, weightsOf } from "./model-json.ts";
import type { Step, Topology } from "./topology.ts";
import { integersOf } from "./weights.ts";

const graphSchema = z.object({ node: z.array(nodeSchema).min(1) });

/** The nodes of a graph model by name. Throws `EngineError` where it is none. */
export function readNodes({ modelTopology }: ModelJson): Map<string, GraphNode> {
  const { node } = parsed(graphSchema, modelTopology, "a TensorFlow.js graph model");
  return new Map(node.map((one) => [one.name, one]));
}

/**
 * Reads of a graph model what a tensor is made of. Throws `EngineError`, naming what does not run here.
 * @param values the weights' bytes: shapes and axes are among them
 */
export function readGraphModel(file: ModelJson, values: ArrayBuffer, tensor: string): Topology {
  const nodes = readNodes(file);
  const integers = integersOf(weightsOf(file), values);
  const steps: Step[] = [];
  const seen = new Set<string>();
  const visit = (name: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    const node = nodes.get(name);
    if (!node) throw new EngineError(`Error in load: there is no node '${name}'`);
    if (node.op === "Placeholder") return;
    const step = stepOf(node, nodes, integers);
    step.inputs.forEach(visit);
    steps.push(step);
  };
  const output = nodeName(tensor);
  visit(output);
  const inputs = [...nodes.values()]
    .filter(({ name, op }) => op === "Placeholder" && seen.has(name))
    .map(({ name, attr }) => ({ name, shape: declaredShape(attr) }));
  return { inputs, steps, output };
}

/** The nodes whose outputs a node takes. */
export function inputsOf({ input }: GraphNode): string[] {
  return input.filter((name) => !name.startsWith("^")).map(nodeName);
}

/** The node that holds a constant, which may be read through identities; null where what is named is computed. */
export function constantOf(name: string, nodes: ReadonlyMap<string, GraphNode>): string | null {
  const node = nodes.get(name);
  if (node?.op === "Const") return name;
  return node?.op === "Identity" ? constantOf(inputsOf(node)[0] ?? "", nodes) : null;
}

function stepOf(node: GraphNode, nodes: ReadonlyMap<string, GraphNode>, integers: ReadonlyMap<string, number[]>): Step {
  const { name } = node;
  if (node.op === "Const") return { name, inputs: [], operation: { type: "constant" }, weights: { value: name } };
  const read = graphOperation(node, inputsOf(node), (input) => integers.get(constantOf(input, nodes) ?? ""));
  if (typeof read === "string") {
    throw new EngineError(`Error in load: node '${name}': ${read}. Export such a model, or serve it at the origin.`);
  }
  const weights = read.weights.map(([part, input]) => {
    const constant = constantOf(input, nodes);
    if (constant !== null) return [part, constant];
    throw new EngineError(`Error in load: node '${name}': its ${part} '${input}' must be a constant`);
  });
  return { name, inputs: read.inputs, operation: read.operation, weights: Object.fromEntries(weights) };
}

// "name" and "name:0" are a node's first output; the operations that run here have no second.
function nodeName(tensor: string): string {
  const [, name, output] = /^(.*?)(?::(\d+))?$/.exec(tensor) as unknown as [string, string, string | undefined];
  if (output === undefined || Number(output) === 0) return name;
  throw new EngineError(`Error in load: '${tensor}' is output ${output} of a node; only first outputs are taken`);
}

const shapeSchema = z.object({
  shape: z.object({ shape: z.object({ dim: z.array(z.object({ size: z.coerce.number<string>() })) }) }),
});

function declaredShape(attr: GraphNode["attr"]): number[] | null {
  const read = shapeSchema.safeParse(attr);
  const own = read.success ? read.data.shape.shape.dim.slice(1).map(({ size }) => size) : [];
  return own.length > 0 && own.every((size) => size > 0) ? own : null;
}
