import * as z from "zod";
import { graphTensor } from "#core/model/tfjs/graph-signature.ts";
import { type ModelJson, parsed } from "#core/model/tfjs/model-json.ts";

const nodeSchema = z.object({
  name: z.string(),
  op: z.string(),
  input: z.array(z.string()).default([]),
  attr: z.record(z.string(), z.unknown()).default({}),
});
/** A node of a GraphDef as JSON. */
export type GraphNode = z.infer<typeof nodeSchema>;
export type Nodes = ReadonlyMap<string, GraphNode>;

const graphSchema = z.object({ node: z.array(nodeSchema).min(1) });

/** Reads the nodes of a graph model by name. Throws `EngineError` for any other model. */
export function readNodes({ modelTopology }: ModelJson): Nodes {
  const { node } = parsed(graphSchema, modelTopology, "a TensorFlow.js graph model");
  return new Map(node.map((one) => [one.name, one]));
}

/** Lists the tensors that a node takes, without control dependencies: "node", or "node:1" for its second output. */
export function inputsOf({ input }: GraphNode): string[] {
  return input.filter((name) => !name.startsWith("^")).map(graphTensor);
}

/** Returns the name of a tensor's node: "name:1" is an output of "name". Names of nodes have no ':'. */
export function nodeName(tensor: string): string {
  return tensor.replace(/:.*$/s, "");
}

/** Returns the node that computes a tensor. */
export function nodeOf(tensor: string, nodes: Nodes): GraphNode | undefined {
  return nodes.get(nodeName(tensor));
}

/** Follows identities back to the tensor that has their value. */
export function throughIdentities(tensor: string, nodes: Nodes): string {
  const node = nodeOf(tensor, nodes);
  return node?.op === "Identity" ? throughIdentities(inputsOf(node)[0] as string, nodes) : tensor;
}

/** Returns the constant behind a tensor; null when the value is computed. */
export function constantOf(tensor: string, nodes: Nodes): string | null {
  const source = throughIdentities(tensor, nodes);
  return nodeOf(source, nodes)?.op === "Const" ? nodeName(source) : null;
}

/** Collects the node of a tensor and all nodes that it depends on. */
export function reachable(tensor: string, nodes: Nodes, found = new Map<string, GraphNode>()): Map<string, GraphNode> {
  const node = nodeOf(tensor, nodes);
  if (!node || found.has(node.name)) return found;
  found.set(node.name, { ...node, input: node.input.filter((input) => !input.startsWith("^")) });
  for (const input of inputsOf(node)) reachable(input, nodes, found);
  return found;
}

const fusedSchema = z.object({ fused_ops: z.object({ list: z.object({ s: z.array(z.string()) }) }) });

/** Lists the operations fused into a node, in order. */
export function fusedInto({ attr }: GraphNode): string[] {
  const read = fusedSchema.safeParse(attr);
  return read.success ? read.data.fused_ops.list.s.map((base64) => atob(base64)) : [];
}
