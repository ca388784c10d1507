import { nodeName } from "../graph-nodes.ts";
import type { Call, Normalisation } from "./call.ts";
import { graphBytes } from "./call.ts";
import { batch, type Dim } from "./dims.ts";
import { OnnxError } from "./errors.ts";
import { at, held } from "./layout.ts";
import { type GraphProto, type ModelProto, type NodeProto, readGraph, type ValueInfoProto } from "./messages.ts";
import { operators } from "./operators/index.ts";
import { normalisationOf } from "./operators/normalisations.ts";
import { isStandard, placeOf, refuseUnknown } from "./places.ts";
import { foldedNormalisations, inOrder, isUsed, lastTensors } from "./survey.ts";
import { dtypeOf, type ReadExternal, readTensor } from "./tensors.ts";
import { attr, TfGraph } from "./tf-graph.ts";
import { channelsLast, type DType, identity, numbersOf, type Value } from "./values.ts";

/** A converted graph: the nodes that hold the inputs and outputs, by their names in ONNX. */
export interface Converted {
  g: TfGraph;
  inputs: Map<string, { node: string; shape: Dim[]; dtype: DType }>;
  outputs: Map<string, { node: string; shape: Dim[]; dtype: DType }>;
}

/** What the model does not say. */
export interface OnnxOptions {
  /** Sizes, without the batch, of inputs that leave them open, in ONNX's order. */
  shapes?: Readonly<Record<string, readonly number[]>>;
  /** Takes inputs of 1, 3 or 4 channels as pictures are decoded: height, width, channels. */
  pictures?: boolean;
}

/** Converts the graph of a model. Throws, naming the node, when it has an operator that cannot be converted. */
export function convertModel(
  { graph, opsetImport }: ModelProto & { graph: GraphProto },
  readExternal: ReadExternal,
  { shapes = {}, pictures = false }: OnnxOptions,
): Converted {
  refuseUnknown(graph);
  const opset = opsetImport.find(({ domain }) => isStandard(domain))?.version ?? 0;
  const g = new TfGraph();
  const values = new Map<string, Value | null>([["", null]]);
  for (const proto of graph.initializer) values.set(proto.name ?? "", readTensor(proto, readExternal));
  const inputs: Converted["inputs"] = new Map();
  for (const info of graph.input) {
    const name = info.name ?? "";
    if (values.has(name)) continue;
    const { shape, dtype } = inputOf(info, shapes[name] ?? shapes[nodeName(name)]);
    const isPicture = pictures && shape.length === 4 && pictureChannels.has(shape[1] as Dim);
    const layout = isPicture ? channelsLast(4) : identity(shape.length);
    const own = layout.map((axis) => shape[axis] as Dim);
    const node = g.input(name, own, dtype);
    inputs.set(name, { node, shape: own, dtype });
    values.set(name, held(node, dtype, shape, layout));
  }
  const names = graph.output.map(({ name }) => [name ?? "", g.unique(name ?? "")] as const);
  convertNodes({ g, graph, opset, readExternal, values, last: lastTensors(graph) });
  const outputs: Converted["outputs"] = new Map();
  g.scope = "";
  for (const [name, own] of names) {
    const value = values.get(name);
    if (!value) throw new OnnxError(`no node computes the output '${name}'. The file is damaged: export it again`);
    const { shape, dtype } = value;
    outputs.set(name, { node: g.reserved(own, "Identity", [at(g, value)], { T: attr.type(dtype) }), shape, dtype });
  }
  return { g, inputs, outputs };
}

const pictureChannels = new Set<Dim>([1, 3, 4]);

interface Scope {
  g: TfGraph;
  graph: GraphProto;
  opset: number;
  readExternal: ReadExternal;
  values: Map<string, Value | null>;
  /** The tensors that only a bias and an activation follow. */
  last: ReadonlySet<string>;
}

function convertNodes(scope: Scope): void {
  const { graph, values } = scope;
  const folded = foldedNormalisations(graph);
  const skipped = new Set([...folded.values()].map(({ output }) => output[0]));
  for (const node of inOrder(graph, values)) {
    if (node.opType === "BatchNormalization" && skipped.has(node.output[0])) continue;
    try {
      const after = folded.get(node);
      const found = convertNode(scope, node, after ?? null);
      const names = after ? after.output.slice(0, 1) : node.output;
      names.forEach((name, i) => {
        if (found[i]) values.set(name, found[i]);
        else if (name !== "" && isUsed(graph, name)) {
          throw new OnnxError(`its output ${i + 1}, '${name}', is used, and is not supported`);
        }
      });
    } catch (cause) {
      throw new OnnxError(`${placeOf(node)}: ${reasonOf(cause)}`, { cause });
    }
  }
}

// Anything else means that the model breaks a rule of the format, or that a rule is missing here.
function reasonOf(cause: unknown): string {
  if (cause instanceof OnnxError) return cause.message;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return `it cannot be converted (${reason}). Check the model with onnx.checker, and report this if it passes`;
}

function convertNode(scope: Scope, node: NodeProto, after: NodeProto | null): Value[] {
  const { g, opset, readExternal, values } = scope;
  g.scope = g.unique(node.name || `${node.output[0] ?? node.opType}`);
  const call = callOf(node);
  if (node.opType === "If") return branchOf(scope, call);
  const normalised: Normalisation | null = after && normalisationOf(callOf(after));
  const found = operators.get(node.opType ?? "")?.({ ...call, normalised }) ?? [];
  return Array.isArray(found) ? found : [found];

  function callOf(own: NodeProto): Call {
    const inputs = own.input.map((name) => {
      const value = values.get(name);
      if (value !== undefined) return value;
      throw new OnnxError(`it takes '${name}', which no node computes. The file is damaged: export the model again`);
    });
    const tensor = (name: string) => {
      const proto = own.attribute.find((one) => one.name === name)?.t;
      return proto ? readTensor(proto, readExternal) : null;
    };
    return { g, node: own, opset, inputs, tensor, normalised: null, isLast: scope.last.has(own.output[0] ?? "") };
  }
}

// The branch of a condition that is known, such as one about shapes, replaces the node.
function branchOf(scope: Scope, call: Call): Value[] {
  const condition = call.inputs[0];
  const known = condition && numbersOf(condition)?.[0];
  if (known === undefined || known === null) {
    throw new OnnxError("its condition is computed at run time. Remove it before the export");
  }
  const bytes = graphBytes(call, known ? "then_branch" : "else_branch");
  const graph = readGraph(bytes ?? new Uint8Array());
  refuseUnknown(graph);
  const values = new Map(scope.values);
  for (const proto of graph.initializer) values.set(proto.name ?? "", readTensor(proto, scope.readExternal));
  convertNodes({ ...scope, graph, values });
  return graph.output.map(({ name }) => values.get(name ?? "") as Value);
}

function inputOf(
  { name = "", type }: ValueInfoProto,
  given: readonly number[] | undefined,
): { shape: Dim[]; dtype: DType } {
  const what = `input '${name}'`;
  if (!type?.tensor) throw new OnnxError(`${what} is no tensor`);
  const dtype = dtypeOf(type.tensor.elemType, what);
  const dims = type.tensor.shape?.dim;
  const [first, ...own] = dims ?? [];
  if (dims && !first) throw new OnnxError(`${what} is a single number; its first dimension has to be the batch`);
  if (first?.value !== undefined && first.value > 1) {
    throw new OnnxError(
      `${what} has a first dimension of ${first.value}, which has to be the batch. Export the model with dynamic_axes for ` +
        "it, with the batch first",
    );
  }
  if (given && dims && given.length !== own.length) {
    throw new OnnxError(`--shape ${name} has ${given.length} sizes, but the input has ${own.length} after the batch`);
  }
  own.forEach(({ value = 0 }, i) => {
    if (given && value > 0 && value !== given[i]) {
      throw new OnnxError(
        `--shape ${name} has ${given[i]} where the model has ${value}. Leave out --shape, or correct it`,
      );
    }
  });
  const sizes = given ?? own.map(({ value }) => value ?? 0);
  if ((!dims && !given) || sizes.some((size) => size <= 0)) {
    const shown = own.map(({ value, param }) => value ?? param ?? "?").join(", ");
    throw new OnnxError(
      `${what} leaves its shape open: [${shown}] after the batch. Set it with --shape ${name}=size,size,…, as many as it has`,
    );
  }
  return { shape: [first?.value === 1 ? 1 : batch, ...sizes], dtype };
}
