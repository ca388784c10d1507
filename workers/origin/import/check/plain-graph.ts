import { loadGraphModelSync } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import type { Tensor } from "#core/model/engine.ts";
import { weightsOf } from "#core/model/tfjs/model-json.ts";
import type { TfjsModelFiles } from "../files.ts";
import { fusedInto, type GraphNode, inputsOf, type Nodes, nodeName, readNodes } from "../graph-nodes.ts";
import type { PlainModel } from "./plain-model.ts";
import { listOf, tensorOf, tidied, valuesIn } from "./plain-tensors.ts";

interface GraphStep {
  name: string;
  operation: string;
  node: GraphNode;
  /** Its outputs that are used, as others refer to them. */
  refs: string[];
}

/** Reads a graph for TensorFlow.js alone. */
export function openGraph({ modelJson, values }: TfjsModelFiles, tensors: readonly string[]): PlainModel {
  const { modelTopology, signature, userDefinedMetadata } = modelJson;
  const weightSpecs = weightsOf(modelJson) as tf.io.WeightsManifestEntry[];
  const named = { ...(signature && { signature }), ...(userDefinedMetadata && { userDefinedMetadata }) };
  const model = loadGraphModelSync(tf.io.fromMemorySync({ modelTopology, weightSpecs, weightData: values, ...named }));
  const nodes = readNodes(modelJson);
  const ends = tensors.map(refOf);
  const steps = stepsOf(nodes, ends);
  const placeholders = model.inputs.map(({ name, dtype }) => ({ name: name.replace(/:0$/, ""), dtype }));
  const given = (inputs: readonly Tensor[]) =>
    Object.fromEntries(placeholders.map(({ name, dtype }, i) => [name, tensorOf(inputs[i] as Tensor, dtype)]));
  const execute = (inputs: tf.NamedTensorMap, refs: string[]): Tensor[] =>
    listOf(model.execute(inputs, refs)).map(valuesIn);

  const run: PlainModel["run"] = (inputs) => tidied(() => execute(given(inputs), ends));
  const runSteps: PlainModel["runSteps"] = (inputs, count) =>
    tidied(() => {
      const chosen = steps.slice(0, count);
      const found = execute(
        given(inputs),
        chosen.flatMap(({ refs }) => refs),
      );
      return chosen.map(({ refs }) => found.splice(0, refs.length));
    });
  const runAlone: PlainModel["runAlone"] = (step, inputs, known) =>
    tidied(() => {
      const { node, refs } = steps[step] as GraphStep;
      const own = node.input.filter((input) => !input.startsWith("^")).map(refOf);
      const feed: tf.NamedTensorMap = {};
      for (const ref of new Set(own)) {
        const name = nodeName(ref);
        const place = placeholders.findIndex((one) => one.name === name);
        const before = steps.findIndex((one) => one.name === name);
        const value =
          place >= 0
            ? inputs[place]
            : known[before]?.[(steps[before] as GraphStep | undefined)?.refs.indexOf(ref) ?? -1];
        // TensorFlow.js takes one output of a node at most.
        if (value && Object.keys(feed).some((other) => nodeName(other) === name)) return null;
        if (value) feed[ref] = tensorOf(value, placeholders[place]?.dtype);
      }
      return Object.keys(feed).length === 0 ? null : execute(feed, refs);
    });
  return { run, steps, runSteps, runAlone, inside: () => null, release: () => model.dispose() };
}

/** The nodes that outputs need, in topological order. */
export function topologicalOrder(nodes: Nodes, outputs: readonly string[]): GraphNode[] {
  const found = new Map<string, GraphNode>();
  const started = new Set<string>();
  const stack = outputs.map((ref) => ({ name: nodeName(ref), isDone: false })).reverse();
  while (stack.length > 0) {
    const { name, isDone } = stack.pop() as { name: string; isDone: boolean };
    const node = nodes.get(name);
    if (!node || found.has(name)) continue;
    if (isDone) {
      found.set(name, node);
      continue;
    }
    if (started.has(name)) continue;
    started.add(name);
    stack.push({ name, isDone: true }, ...inputsOf(node).map((input) => ({ name: nodeName(input), isDone: false })));
  }
  return [...found.values()];
}

function stepsOf(nodes: Nodes, outputs: readonly string[]): GraphStep[] {
  const order = topologicalOrder(nodes, outputs);
  const used = new Set([...outputs, ...order.flatMap(({ input }) => input.map(refOf))]);
  return order
    .filter(({ op }) => op !== "Const" && op !== "NoOp" && !op.startsWith("Placeholder"))
    .map((node) => ({
      name: node.name,
      operation: [node.op, ...fusedInto(node)].join(" with "),
      node,
      refs: [...used].filter((ref) => nodeName(ref) === node.name),
    }))
    .filter(({ refs }) => refs.length > 0);
}

// The first output of a node is its name.
function refOf(tensor: string): string {
  return tensor.replace(/:0$/, "");
}
