import type * as tf from "@tensorflow/tfjs-core";
import * as z from "zod";
import { EngineError } from "../../core/model/engine.ts";
import { loadGraph } from "../../core/model/tfjs/graph-model.ts";
import { type CutNetwork, headFor, type LastActivation, notADenseEnd } from "./cut.ts";
import { type ModelFiles, partsOf } from "./files.ts";
import {
  constantOf,
  fusedInto,
  type GraphNode,
  inputsOf,
  type Nodes,
  nodeName,
  reachable,
  readNodes,
  throughIdentities,
} from "./graph-nodes.ts";
import { valuesOf } from "./values.ts";

/** Cuts a graph model before its last matrix product, and leaves out what only the head needs. */
export async function cutGraphModel(files: ModelFiles, classes: number): Promise<CutNetwork> {
  const nodes = readNodes(files.modelJson);
  const output = outputOf(files, nodes);
  const { embedding, kernel, bias, activation } = lastDense(output, nodes);
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
  const inputs = model.inputs.filter(({ name }) => kept.has(name));
  return {
    parts: { kind: "tfjs-graph-model", modelTopology, weights, tensor: `${embedding}:0`, head },
    inputs,
    run: (given) => {
      const named = Object.fromEntries(inputs.map(({ name }, i) => [name, given[i] as tf.Tensor]));
      return model.run(named, [output])[0] as tf.Tensor;
    },
    activation,
    release: model.release,
  };
}

const signatureSchema = z.object({ outputs: z.record(z.string(), z.object({ name: z.string() })) });

// What the signature names, or the one node that no other takes.
function outputOf({ modelJson }: ModelFiles, nodes: Nodes): string {
  const read = signatureSchema.safeParse(modelJson.signature ?? modelJson.userDefinedMetadata?.signature);
  const taken = new Set([...nodes.values()].flatMap(inputsOf));
  const ends = [...nodes.values()].filter(({ name, op }) => !taken.has(name) && op !== "Const" && op !== "NoOp");
  const named = read.success ? Object.values(read.data.outputs).map(({ name }) => nodeName(name)) : [];
  const outputs = named.length > 0 ? named : ends.map(({ name }) => name);
  if (outputs.length === 1) return outputs[0] as string;
  throw notADenseEnd(`${outputs.length} outputs${outputs.length > 0 ? `: ${outputs.join(", ")}` : ""}`);
}

/** The product that gives the class scores: what it is taken of, its constants, and what becomes of its sums. */
interface LastDense {
  embedding: string;
  kernel: string;
  bias: string | null;
  activation: LastActivation;
}

const sums = ["BiasAdd", "Add", "AddV2"];
const ends: Record<string, LastActivation> = { Softmax: "softmax", Sigmoid: "sigmoid" };

// Backwards from the output; the bias may be fused into the product, or added after it.
function lastDense(output: string, nodes: Nodes): LastDense {
  let activation: LastActivation = "linear";
  let bias: string | null = null;
  let name = output;
  for (;;) {
    name = throughIdentities(name, nodes);
    const node = nodes.get(name);
    if (!node) throw new EngineError(`Error in importNetwork: there is no node '${name}'`);
    if (node.op === "MatMul" || node.op === "_FusedMatMul") return { ...productOf(node, nodes, bias, activation) };
    const [first, second] = inputsOf(node);
    const end = ends[node.op];
    if (sums.includes(node.op) && bias === null) {
      // Either side of a sum may be the constant.
      const [a, b] = [first, second].map((input) => constantOf(input ?? "", nodes));
      bias = a ?? b ?? null;
      if (bias === null) throw notADenseEnd(`'${name}', ${node.op}`);
      name = (a === null ? first : second) as string;
    } else if (end && activation === "linear" && bias === null) {
      activation = end;
      name = first as string;
    } else throw notADenseEnd(`'${name}', ${node.op}`);
  }
}

function productOf(node: GraphNode, nodes: Nodes, added: string | null, after: LastActivation): LastDense {
  const [of, by, with_] = inputsOf(node) as [string, string, string | undefined];
  const fused = fusedInto(node);
  const own = fused.find((name) => name !== "BiasAdd");
  const activation = own === undefined ? after : ends[own];
  const kernel = constantOf(by, nodes);
  const bias = fused.includes("BiasAdd") ? constantOf(with_ ?? "", nodes) : added;
  const isTransposed = [node.attr.transpose_a, node.attr.transpose_b].some((a) => (a as { b?: boolean })?.b);
  const isTwice = (own !== undefined && (after !== "linear" || added !== null)) || (fused.length > 0 && added !== null);
  if (kernel === null || activation === undefined || isTransposed || isTwice) {
    throw notADenseEnd(`'${node.name}', ${[node.op, ...fused].join(" with ")}`);
  }
  return { embedding: throughIdentities(of, nodes), kernel, bias, activation };
}
