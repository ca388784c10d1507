import type { WeightSpec } from "#core/model/tfjs/model-json.ts";

/** A node of a graph, as a test writes it. */
export interface GraphNodeOf {
  name: string;
  op: string;
  input?: string[];
  attr?: Record<string, unknown>;
}

/** A constant of a graph. */
export interface ConstantOf {
  shape: number[];
  values: number[];
  dtype?: "float32" | "int32";
}

/** Builds a graph model's files from nodes and constants; its outputs are the nodes that no other takes. */
export function smallGraph(
  nodes: readonly GraphNodeOf[],
  constants: Record<string, ConstantOf> = {},
  signature?: object,
) {
  const own = Object.entries(constants).map(([name, { shape, values, dtype = "float32" }]) => {
    const typed = dtype === "int32" ? Int32Array.from(values) : Float32Array.from(values);
    return { bytes: new Uint8Array(typed.buffer), spec: { name, shape, dtype } as WeightSpec };
  });
  const node = [
    ...Object.keys(constants).map((name) => ({ name, op: "Const", attr: {} })),
    ...nodes.map(({ attr = {}, ...rest }) => ({ ...rest, attr: { T: { type: "DT_FLOAT" }, ...attr } })),
  ];
  const weightsManifest = [{ paths: ["weights.bin"], weights: own.map(({ spec }) => spec) }];
  const modelTopology = { node, library: {}, versions: { producer: 1 } };
  const bytes = Uint8Array.from(own.flatMap((one) => [...one.bytes]));
  return {
    modelJson: { format: "graph-model", ...(signature && { signature }), modelTopology, weightsManifest },
    files: { shards: [bytes.buffer] },
  };
}

/** An input of a graph. */
export function placeholder(name: string, shape: number[], type = "DT_FLOAT"): GraphNodeOf {
  const dim = shape.map((size) => ({ size: String(size) }));
  return { name, op: "Placeholder", attr: { dtype: { type }, shape: { shape: { dim } } } };
}
