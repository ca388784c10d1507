import * as z from "zod";
import type { Activation, Operation, WeightPart } from "./topology.ts";

/** A node of a GraphDef as JSON. */
export const nodeSchema = z.object({
  name: z.string(),
  op: z.string(),
  input: z.array(z.string()).default([]),
  attr: z.record(z.string(), z.unknown()).default({}),
});
export type GraphNode = z.infer<typeof nodeSchema>;

/** Attributes as protocol buffers are written in JSON: int64 as strings, bytes in base64. */
const bytes = z.string().transform((base64) => atob(base64));
const text = z.object({ s: bytes }).transform(({ s }) => s);
const ints = z
  .object({ list: z.object({ i: z.array(z.coerce.number<string>().int()) }) })
  .transform(({ list }) => list.i);
const off = z.object({ b: z.literal(false) }).optional();

/** [1, height, width, 1]: over images, not over the batch or the channels. */
const overImage = ints
  .pipe(z.tuple([z.literal(1), z.int(), z.int(), z.literal(1)]))
  .transform(([, height, width]): [number, number] => [height, width]);
const window = {
  strides: overImage,
  padding: text.pipe(z.enum(["SAME", "VALID"])).transform((name) => (name === "SAME" ? "same" : "valid")),
  data_format: text.pipe(z.literal("NHWC")).optional(),
};
const convolution = z.object({
  ...window,
  dilations: overImage.pipe(z.tuple([z.literal(1), z.literal(1)])).optional(),
});

/** What is fused into a product: its bias, then perhaps an activation. */
const fused = z
  .object({
    list: z.object({
      s: z.tuple([
        bytes.pipe(z.literal("BiasAdd")),
        bytes.pipe(z.enum(["Relu", "Relu6", "Sigmoid", "Tanh"])).optional(),
      ]),
    }),
  })
  .transform(({ list: { s } }) => ({ activation: (s[1]?.toLowerCase() ?? "linear") as Activation, useBias: true }));
const unfused = { activation: "linear", useBias: false } as const;

interface GraphOperation {
  /** What its attributes make of it; `integers` are the values of its last input, where `lastIsIntegers`. */
  attributes: z.ZodType<Operation>;
  lastIsIntegers?: boolean;
  /** What its inputs after the first are, where they are weights. */
  weights?: readonly WeightPart[];
}

const plain = (operation: Operation): GraphOperation => ({ attributes: z.object({}).transform(() => operation) });
const product = z.object({ transpose_a: off, transpose_b: off });

/** Every graph operation that runs at the edge. */
const operations: Record<string, GraphOperation> = {
  MatMul: {
    attributes: product.transform(() => ({ type: "dense", ...unfused })),
    weights: ["kernel"],
  },
  _FusedMatMul: {
    attributes: product.extend({ fused_ops: fused }).transform((c) => ({ type: "dense", ...c.fused_ops })),
    weights: ["kernel", "bias"],
  },
  Conv2D: {
    attributes: convolution.transform(({ strides, padding }) => ({ type: "conv", strides, padding, ...unfused })),
    weights: ["kernel"],
  },
  _FusedConv2D: {
    attributes: convolution
      .extend({ fused_ops: fused })
      .transform(({ strides, padding, fused_ops }) => ({ type: "conv", strides, padding, ...fused_ops })),
    weights: ["kernel", "bias"],
  },
  DepthwiseConv2dNative: {
    attributes: convolution.transform(({ strides, padding }) => ({
      ...{ type: "depthwiseConv", strides, padding },
      ...unfused,
    })),
    weights: ["depthwise_kernel"],
  },
  FusedDepthwiseConv2dNative: {
    attributes: convolution
      .extend({ fused_ops: fused })
      .transform(({ strides, padding, fused_ops }) => ({ type: "depthwiseConv", strides, padding, ...fused_ops })),
    weights: ["depthwise_kernel", "bias"],
  },
  FusedBatchNormV3: {
    attributes: z
      .object({ epsilon: z.object({ f: z.number() }), is_training: off, data_format: window.data_format })
      .transform(({ epsilon }) => ({
        ...{ type: "batchNorm" as const, axis: -1 },
        ...{ epsilon: epsilon.f, center: true, scale: true },
      })),
    weights: ["gamma", "beta", "moving_mean", "moving_variance"],
  },
  MaxPool: {
    attributes: z
      .object({ ...window, ksize: overImage })
      .transform(({ ksize, strides, padding }) => ({ type: "maxPool" as const, size: ksize, strides, padding })),
  },
  Mean: {
    attributes: z
      .object({ keep_dims: off, integers: z.tuple([z.literal(1), z.literal(2)]) })
      .transform(() => ({ type: "globalAveragePool" as const })),
    lastIsIntegers: true,
  },
  Reshape: {
    attributes: z
      .object({ integers: z.tuple([z.literal(-1)], z.int()) })
      .transform(({ integers: [, ...shape] }) => ({ type: "reshape" as const, shape })),
    lastIsIntegers: true,
  },
  ConcatV2: {
    attributes: z
      .object({ integers: z.tuple([z.int()]) })
      .transform(({ integers: [axis] }) => ({ type: "concat" as const, axis })),
    lastIsIntegers: true,
  },
  BiasAdd: plain({ type: "add" }),
  Add: plain({ type: "add" }),
  AddV2: plain({ type: "add" }),
  Sub: plain({ type: "subtract" }),
  Mul: plain({ type: "multiply" }),
  Relu: plain({ type: "activation", activation: "relu" }),
  Relu6: plain({ type: "activation", activation: "relu6" }),
  Sigmoid: plain({ type: "activation", activation: "sigmoid" }),
  Tanh: plain({ type: "activation", activation: "tanh" }),
  Identity: plain({ type: "identity" }),
};

/** The operation of a node, its inputs that are computed, and its weights' parts; or what is wrong with it. */
export function graphOperation(
  { op, attr }: GraphNode,
  inputs: readonly string[],
  integersOf: (name: string) => number[] | undefined,
): { operation: Operation; inputs: string[]; weights: [WeightPart, string][] } | string {
  const known = Object.hasOwn(operations, op) ? operations[op] : undefined;
  if (!known) return `'${op}' does not run here; what does is ${Object.keys(operations).join(", ")}`;
  const { attributes, lastIsIntegers, weights } = known;
  const integers = lastIsIntegers ? integersOf(inputs.at(-1) ?? "") : undefined;
  const result = attributes.safeParse({ ...attr, integers });
  if (!result.success) return `'${op}' with ${z.prettifyError(result.error)}`;
  const last = weights ? 1 : inputs.length - (lastIsIntegers ? 1 : 0);
  if (weights && inputs.length !== weights.length + 1) return `'${op}' with ${inputs.length} inputs`;
  return {
    operation: result.data,
    inputs: inputs.slice(0, last),
    weights: (weights ?? []).map((part, i) => [part, inputs[i + 1] as string]),
  };
}
