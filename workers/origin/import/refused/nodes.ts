import { loadGraphModelSync } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import { weightsOf } from "#core/model/tfjs/model-json.ts";
import { topologicalOrder } from "../check/plain-graph.ts";
import type { TfjsModelFiles } from "../files.ts";
import { type GraphNode, readNodes } from "../graph-nodes.ts";
import { type Refusal, refusalsOf } from "./refusal.ts";

/** A kind of operations that the edge refuses, with the reason and what to do. */
interface RefusedKind {
  operations: RegExp;
  reason: string;
  advice: string;
}

/** Operations that TensorFlow.js knows, but that the edge doesn't run. */
const refused: readonly RefusedKind[] = [
  {
    operations: /^(InitializeTable|(Mutable)?(Dense)?HashTable|LookupTable)/,
    reason: "the edge has no lookup tables",
    advice: "look the values up before you ask, and export the model from their numbers on",
  },
  {
    operations:
      /^(Multinomial|ParameterizedTruncatedNormal|Random|StatelessMultinomial|StatelessRandom|TruncatedNormal)/,
    reason: "it draws at random, so that one question would have different answers",
    advice: "export the model for inference, without dropout or sampling; where it needs noise, make that an input",
  },
  {
    operations: /^(Enter|Exit|If|LoopCond|Merge|NextIteration|StatelessIf|StatelessWhile|Switch|While)$/,
    reason: "the edge runs graphs without control flow",
    advice:
      "export the model again without loops and conditions: Keras's recurrent layers with unroll=True, for sequences of " +
      "a fixed length",
  },
  {
    operations: /^(EmptyTensorList|TensorArray|TensorList)/,
    reason: "the edge has no lists of tensors, which loops use",
    advice:
      "export the model again without loops: Keras's recurrent layers with unroll=True, for sequences of a fixed length",
  },
  {
    operations: /^(ListDiff|NonMaxSuppression|Where)/,
    reason: "its output shape is known only at run time",
    advice: "export the model with outputs before it, and do this step on the answer",
  },
];

/** Operations that TensorFlow.js doesn't know: what kind they are of. The last one is any. */
const unknown: readonly RefusedKind[] = [
  {
    operations: /^(ParseExample|Sparse|DenseToSparse|DeserializeSparse|SerializeSparse)/,
    reason: "TensorFlow.js does not run it: it works on sparse tensors",
    advice: "give the model dense tensors, and export it again",
  },
  {
    operations: /^Ragged/,
    reason: "TensorFlow.js has no ragged tensors",
    advice: "pad the sequences to one length, and export the model again",
  },
  {
    operations:
      /^(AsString|Decode|Encode|ReadFile|Regex|StaticRegex|String|Substr|Tokenize|Unicode|Wordpiece|.*String(Join|Split|Lower|Upper))/,
    reason: "the edge's models take numbers, not texts or files",
    advice: "do this step before you ask, and export the model from its result on",
  },
  {
    operations: /^(Assign|PartitionedCall|ReadVariableOp|StatefulPartitionedCall|VarHandleOp|Variable)/,
    reason: "the graph is not frozen",
    advice: "convert the SavedModel with tensorflowjs_converter, which turns variables into constants",
  },
  {
    operations: /./,
    reason: "TensorFlow.js does not support it in graph models",
    advice: "replace it by operations that TensorFlow.js has, export the model again, or serve it at the origin",
  },
];

// tfjs-converter assigns a category to each node that it knows; its types do not show it.
interface GraphInside {
  executor: { graph: { nodes: Record<string, { op: string; category?: string }> } };
}

/** Lists the operations of a graph that the edge cannot run, among the nodes that its outputs need. */
export function refusedNodes(files: TfjsModelFiles): Refusal[] {
  const { modelJson, values } = files;
  const weightSpecs = weightsOf(modelJson) as tf.io.WeightsManifestEntry[];
  const { modelTopology, signature, userDefinedMetadata } = modelJson;
  const named = { ...(signature && { signature }), ...(userDefinedMetadata && { userDefinedMetadata }) };
  const model = loadGraphModelSync(tf.io.fromMemorySync({ modelTopology, weightSpecs, weightData: values, ...named }));
  const { nodes } = (model as unknown as GraphInside).executor.graph;
  const outputs = model.outputs.map(({ name }) => name);
  model.dispose();
  const needed = topologicalOrder(readNodes(modelJson), outputs);
  return refusalsOf(needed.flatMap((node) => refusalOf(node, nodes[node.name]?.category) ?? []));
}

function refusalOf({ op, name }: GraphNode, category: string | undefined): Refusal | null {
  const kind =
    refused.find(({ operations }) => operations.test(op)) ??
    (category === undefined ? unknown.find(({ operations }) => operations.test(op)) : undefined);
  return kind ? { operation: op, reason: kind.reason, advice: kind.advice, where: [name] } : null;
}
