import type { GraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import * as z from "zod";
import { inputsOf, readGraphModel, readNodes } from "../../core/model/tfjs/graph-model.ts";
import type { GraphNode } from "../../core/model/tfjs/graph-operations.ts";
import { weightsOf } from "../../core/model/tfjs/model-json.ts";
import type { Step, Topology } from "../../core/model/tfjs/topology.ts";
import { readWeights } from "../../core/model/tfjs/weights.ts";
import { type CutNetwork, headFor, type LastActivation, notADenseEnd } from "./cut.ts";
import { type ModelFiles, partsOf } from "./files.ts";

type Nodes = ReadonlyMap<string, GraphNode>;

/** Cuts a graph model before its last matrix product, and leaves out what only the head needs. */
export async function cutGraphModel(files: ModelFiles, classes: number): Promise<CutNetwork> {
  const { modelJson, values } = files;
  const nodes = readNodes(modelJson);
  const output = outputOf(files, nodes);
  const softmax = throughIdentities(output, nodes);
  const isSoftmax = nodes.get(softmax)?.op === "Softmax";
  const logits = isSoftmax ? (inputsOf(nodes.get(softmax) as GraphNode)[0] as string) : softmax;
  const whole = readGraphModel(modelJson, values, logits);
  const { dense, biasName, activation: own } = lastDense(whole);
  if (isSoftmax && own !== "linear") throw notADenseEnd(`softmax after ${own}`);
  const activation: LastActivation = isSoftmax ? "softmax" : own;
  const embedding = dense.inputs[0] as string;
  const { inputs } = readGraphModel(modelJson, values, embedding);

  const tensors = readWeights(weightsOf(modelJson), values);
  const kernel = tensors.get(dense.weights.kernel as string) as tf.Tensor2D;
  const bias = biasName === null ? null : (tensors.get(biasName)?.dataSync() as Float32Array | undefined);
  const head = headFor(kernel.dataSync<"float32">(), bias ?? null, kernel.shape[1] as number, classes, activation);
  tf.dispose([...tensors.values()]);

  const kept = reachable(embedding, nodes);
  const weights = [...partsOf(files)].filter(([name]) => kept.has(name)).map(([, part]) => part);
  const modelTopology = { node: [...kept.values()], library: {}, versions: {} };
  const model = await load(files);
  return {
    parts: { kind: "tfjs-graph-model", modelTopology, weights, tensor: `${embedding}:0`, head },
    inputs,
    run: (given) => {
      const named = Object.fromEntries(inputs.map(({ name }, i) => [name, given[i] as tf.Tensor]));
      return model.execute(named, output) as tf.Tensor;
    },
    activation,
    release: () => model.dispose(),
  };
}

async function load({ path, modelJson, values }: ModelFiles): Promise<GraphModel> {
  // Only who imports a graph waits for its reader.
  const { loadGraphModel } = await import("@tensorflow/tfjs-converter");
  const { modelTopology } = modelJson;
  const weightSpecs = weightsOf(modelJson) as tf.io.WeightsManifestEntry[];
  try {
    return await loadGraphModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData: values }));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Error in importNetwork: tfjs-converter can't read ${path}: ${reason}`, { cause });
  }
}

const signatureSchema = z.object({ outputs: z.record(z.string(), z.object({ name: z.string() })) });

// What the signature names, or the one node that no other takes.
function outputOf({ json }: ModelFiles, nodes: Nodes): string {
  const metadata = json.userDefinedMetadata as { signature?: unknown } | undefined;
  const read = signatureSchema.safeParse(json.signature ?? metadata?.signature);
  const taken = new Set([...nodes.values()].flatMap(inputsOf));
  const ends = [...nodes.values()].filter(({ name, op }) => !taken.has(name) && op !== "Const" && op !== "NoOp");
  const named = read.success ? Object.values(read.data.outputs).map(({ name }) => name.replace(/:0$/, "")) : [];
  const outputs = named.length > 0 ? named : ends.map(({ name }) => name);
  if (outputs.length === 1) return outputs[0] as string;
  throw notADenseEnd(`${outputs.length} outputs${outputs.length > 0 ? `: ${outputs.join(", ")}` : ""}`);
}

function throughIdentities(name: string, nodes: Nodes): string {
  const node = nodes.get(name);
  return node?.op === "Identity" ? throughIdentities(inputsOf(node)[0] as string, nodes) : name;
}

/** The product that gives the class scores; its bias may be fused into it, or added after it. */
function lastDense({ steps, output }: Topology): {
  dense: Step;
  biasName: string | null;
  activation: "linear" | "sigmoid";
} {
  const byName = new Map(steps.map((step) => [step.name, step]));
  let step = byName.get(output);
  let added: string | null = null;
  let isSigmoid = false;
  while (step && step.operation.type !== "dense") {
    const { operation, inputs } = step;
    const constant: Step | undefined = inputs
      .map((name) => byName.get(name))
      .find((s) => s?.operation.type === "constant");
    if (operation.type === "add" && constant && added === null) added = constant.name;
    else if (operation.type === "activation" && operation.activation === "sigmoid" && !isSigmoid && added === null) {
      isSigmoid = true;
    } else if (operation.type !== "identity") throw notADenseEnd(`'${step.name}', ${operation.type}`);
    step = byName.get(inputs.find((name) => name !== constant?.name) ?? "");
  }
  if (step?.operation.type !== "dense") throw notADenseEnd("its input");
  const { activation, useBias } = step.operation;
  const isPlain = activation === "linear" || (activation === "sigmoid" && !isSigmoid && added === null);
  if (!isPlain || (useBias && added !== null)) throw notADenseEnd(`'${step.name}', ${activation}`);
  const biasName = useBias ? (step.weights.bias as string) : added;
  return { dense: step, biasName, activation: isSigmoid ? "sigmoid" : activation };
}

/** The nodes that a node is made of, itself among them; what merely had to run before it is left out. */
function reachable(name: string, nodes: Nodes, found = new Map<string, GraphNode>()): Map<string, GraphNode> {
  const node = nodes.get(name);
  if (!node || found.has(name)) return found;
  found.set(name, { ...node, input: node.input.filter((input) => !input.startsWith("^")) });
  for (const input of inputsOf(node)) reachable(input, nodes, found);
  return found;
}
