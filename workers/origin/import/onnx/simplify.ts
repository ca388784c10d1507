import { fusedInto, type GraphNode } from "../graph-nodes.ts";
import { attr } from "./tf-graph.ts";

const fusable = new Set(["_FusedConv2D", "FusedDepthwiseConv2dNative", "_FusedMatMul"]);
const activations = new Set(["Relu", "Relu6"]);

/** Leaves out nodes that no output needs, joins what follows each other, and fuses activations into products. */
export function simplified(
  given: readonly GraphNode[],
  inputs: ReadonlySet<string>,
  outputs: readonly string[],
): GraphNode[] {
  const nodes = new Map(given.map((node) => [node.name, node]));
  joinReshapes(nodes);
  fuseActivations(nodes);
  const kept = new Set(inputs);
  const left = [...outputs];
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (kept.has(name)) continue;
    kept.add(name);
    left.push(...(nodes.get(name)?.input ?? []));
  }
  return [...nodes.values()].filter(({ name }) => kept.has(name));
}

// Joins Reshapes that follow each other.
function joinReshapes(nodes: Map<string, GraphNode>): void {
  for (const node of nodes.values()) {
    if (node.op !== "Reshape") continue;
    let [from = "", to = ""] = node.input;
    for (let before = nodes.get(from); before?.op === "Reshape"; before = nodes.get(from))
      from = before.input[0] as string;
    nodes.set(node.name, { ...node, input: [from, to] });
  }
}

function fuseActivations(nodes: Map<string, GraphNode>): void {
  const uses = new Map<string, number>();
  for (const { input } of nodes.values()) for (const name of input) uses.set(name, (uses.get(name) ?? 0) + 1);
  for (const node of [...nodes.values()]) {
    const before = nodes.get(node.input[0] ?? "");
    if (!activations.has(node.op) || !before || !fusable.has(before.op) || uses.get(before.name) !== 1) continue;
    // A product has one activation: a second one stays a node.
    if (fusedInto(before).some((op) => activations.has(op))) continue;
    const fused_ops = attr.texts(["BiasAdd", node.op]);
    nodes.set(node.name, { ...before, name: node.name, attr: { ...before.attr, fused_ops } });
    nodes.delete(before.name);
  }
}
