import type * as tf from "@tensorflow/tfjs-core";
import { EngineError } from "#core/model/engine.ts";
import { loadGraph } from "#core/model/tfjs/graph-model.ts";
import { type CutNetwork, headFor, type LastActivation, NoDenseEndError } from "./cut.ts";
import { partsOf, type TfjsModelFiles } from "./files.ts";
import {
  constantOf,
  fusedInto,
  type GraphNode,
  inputsOf,
  type Nodes,
  nodeName,
  nodeOf,
  reachable,
  readNodes,
  throughIdentities,
} from "./graph-nodes.ts";
import { signatureOf } from "./signature.ts";
import { valuesOf } from "./values.ts";

/** Cuts a graph model before its last matrix product, and leaves out the nodes that only the head needs. */
export async function cutGraphModel(files: TfjsModelFiles, classes: number): Promise<CutNetwork> {
  const nodes = readNodes(files.modelJson);
  const { output, embedding, kernel, bias, activation } = lastDense(files, nodes);
  const known = valuesOf(files, [kernel, ...(bias === null ? [] : [bias])]);
  const { shape, values } = known.get(kernel) as { shape: number[]; values: Float32Array };
  const head = headFor(
    values,
    bias === null ? null : (known.get(bias)?.values ?? null),
    shape[1] as number,
    classes,
    activation,
  );
  const kept = reachable(embedding, nodes);
  const weights = [...partsOf(files)].filter(([name]) => kept.has(name)).map(([, part]) => part);
  const modelTopology = { node: [...kept.values()], library: {}, versions: {} };
  const model = loadGraph(files.modelJson, files.values);
  const inputs = model.inputs.filter(({ name }) => kept.has(nodeName(name)));
  return {
    parts: { kind: "tfjs-graph-model", modelTopology, weights, tensor: embedding, head },
    inputs,
    run: (given) => {
      const named = Object.fromEntries(inputs.map(({ name }, i) => [name, given[i] as tf.Tensor]));
      return model.run(named, [output])[0] as tf.Tensor;
    },
    activation,
    release: model.release,
  };
}

// The output that the signature names, or the one node whose output no other node takes.
function outputOf(files: TfjsModelFiles, nodes: Nodes): string {
  const named = [...signatureOf(files, "outputs").keys()];
  const taken = new Set([...nodes.values()].flatMap(inputsOf).map(nodeName));
  const ends = [...nodes.values()].filter(({ name, op }) => !taken.has(name) && op !== "Const" && op !== "NoOp");
  const outputs = named.length > 0 ? named : ends.map(({ name }) => name);
  if (outputs.length === 1) return outputs[0] as string;
  throw new NoDenseEndError(`${outputs.length} outputs${outputs.length > 0 ? `: ${outputs.join(", ")}` : ""}`);
}

/** The matrix product that computes the class scores, its input and constants, and the activation that follows. */
interface LastDense {
  output: string;
  embedding: string;
  kernel: string;
  bias: string | null;
  activation: LastActivation;
}

const additions = ["BiasAdd", "Add", "AddV2"];
const activations: Record<string, LastActivation> = { Softmax: "softmax", Sigmoid: "sigmoid" };

/**
 * Searches the last dense layer backwards from the output; the bias may be fused into the product or added after it. Throws
 * `NoDenseEndError` when the graph ends otherwise.
 */
export function lastDense(files: TfjsModelFiles, nodes: Nodes): LastDense {
  const output = outputOf(files, nodes);
  let activation: LastActivation = "linear";
  let bias: string | null = null;
  let name = output;
  for (;;) {
    name = throughIdentities(name, nodes);
    const node = nodeOf(name, nodes);
    if (!node)
      throw new EngineError(`The graph refers to node '${name}', which it does not have. Save the model again.`);
    if (node.op === "MatMul" || node.op === "_FusedMatMul")
      return { output, ...productOf(node, nodes, bias, activation) };
    const [first, second] = inputsOf(node);
    const end = activations[node.op];
    if (additions.includes(node.op) && bias === null) {
      // Either side of a sum may be the constant.
      const [a, b] = [first, second].map((input) => constantOf(input ?? "", nodes));
      bias = a ?? b ?? null;
      if (bias === null) throw new NoDenseEndError(`'${name}', ${node.op}`);
      name = (a === null ? first : second) as string;
    } else if (end && activation === "linear" && bias === null) {
      activation = end;
      name = first as string;
    } else throw new NoDenseEndError(`'${name}', ${node.op}`);
  }
}

function productOf(
  node: GraphNode,
  nodes: Nodes,
  added: string | null,
  after: LastActivation,
): Omit<LastDense, "output"> {
  const [of, by, with_] = inputsOf(node) as [string, string, string | undefined];
  const fused = fusedInto(node);
  const own = fused.find((name) => name !== "BiasAdd");
  const activation = own === undefined ? after : activations[own];
  const kernel = constantOf(by, nodes);
  const bias = fused.includes("BiasAdd") ? constantOf(with_ ?? "", nodes) : added;
  const isTransposed = [node.attr.transpose_a, node.attr.transpose_b].some((a) => (a as { b?: boolean })?.b);
  const isTwice = (own !== undefined && (after !== "linear" || added !== null)) || (fused.length > 0 && added !== null);
  if (kernel === null || activation === undefined || isTransposed || isTwice) {
    throw new NoDenseEndError(`'${node.name}', ${[node.op, ...fused].join(" with ")}`);
  }
  return { embedding: throughIdentities(of, nodes), kernel, bias, activation };
}
