import { type GraphProto, type NodeProto, readGraph } from "./messages.ts";

const endings = new Set([
  "Add",
  "Softmax",
  "LogSoftmax",
  "Sigmoid",
  "Identity",
  "Cast",
  "Flatten",
  "Reshape",
  "Squeeze",
]);

/** Finds the tensors that only a bias and an activation follow: a head may be cut off there. */
export function lastTensors(graph: GraphProto): Set<string> {
  const found = new Set(graph.output.map(({ name }) => name ?? ""));
  for (const { opType, input, output } of [...graph.node].reverse()) {
    if (endings.has(opType ?? "") && found.has(output[0] ?? "")) for (const name of input) found.add(name);
  }
  return found;
}

/** Pairs convolutions with the batch normalisations that alone take their outputs. */
export function foldedNormalisations(graph: GraphProto): Map<NodeProto, NodeProto> {
  const producers = new Map(graph.node.map((node) => [node.output[0] ?? "", node]));
  const uses = new Map<string, number>();
  for (const name of [...inputsIn(graph), ...graph.output.map(({ name }) => name ?? "")]) {
    uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  const constants = new Set(graph.initializer.map(({ name }) => name));
  const pairs = graph.node.flatMap((node): [NodeProto, NodeProto][] => {
    const [x = "", ...parameters] = node.input;
    const before = producers.get(x);
    const isFolded =
      node.opType === "BatchNormalization" &&
      before?.opType === "Conv" &&
      uses.get(x) === 1 &&
      node.output.filter((name) => name !== "").length === 1 &&
      parameters.every((name) => constants.has(name));
    return isFolded ? [[before, node]] : [];
  });
  return new Map(pairs);
}

/** Lists what nodes take, those of branches included: they see the tensors around them. */
function inputsIn({ node }: GraphProto): string[] {
  return node.flatMap(({ input, attribute }) => [
    ...input,
    ...attribute.flatMap(({ g }) => (g && g.length > 0 ? inputsIn(readGraph(g)) : [])),
  ]);
}

/** Whether a node or an output takes a tensor. */
export function isUsed(graph: GraphProto, name: string): boolean {
  return graph.output.some((one) => one.name === name) || graph.node.some(({ input }) => input.includes(name));
}

/** Sorts nodes after those whose outputs they take: the format requires it, but some exporters do not follow it. */
export function inOrder(graph: GraphProto, values: ReadonlyMap<string, unknown>): NodeProto[] {
  const found: NodeProto[] = [];
  const known = new Set(values.keys());
  let left = graph.node;
  while (left.length > 0) {
    const taken = new Set<NodeProto>();
    for (const node of left) {
      if (!node.input.every((name) => known.has(name))) continue;
      for (const name of node.output) known.add(name);
      found.push(node);
      taken.add(node);
    }
    // What is missing is named when the node is converted.
    if (taken.size === 0) return [...found, ...left];
    left = left.filter((node) => !taken.has(node));
  }
  return found;
}
