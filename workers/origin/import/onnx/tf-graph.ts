import { sizeOf } from "#core/input/index.ts";
import type { WeightSpec } from "#core/model/tfjs/model-json.ts";
import type { StoredPart } from "../../train/pack.ts";
import type { GraphNode } from "../graph-nodes.ts";
import { type Dim, isKnown } from "./dims.ts";
import { OnnxError } from "./errors.ts";
import type { DType, Stored } from "./values.ts";

const types: Record<DType, string> = { float32: "DT_FLOAT", int32: "DT_INT32", bool: "DT_BOOL" };

/** Attributes of graph nodes, as GraphDef has them in JSON. */
export const attr = {
  type: (dtype: DType) => ({ type: types[dtype] }),
  int: (value: number) => ({ i: String(value) }),
  float: (value: number) => ({ f: value }),
  bool: (value: boolean) => ({ b: value }),
  text: (value: string) => ({ s: btoa(value) }),
  ints: (values: readonly number[]) => ({ list: { i: values.map(String) } }),
  texts: (values: readonly string[]) => ({ list: { s: values.map((value) => btoa(value)) } }),
};

/** The nodes and weights of a TensorFlow.js graph model, while it is written. */
export class TfGraph {
  readonly nodes: GraphNode[] = [];
  readonly weights = new Map<string, StoredPart>();
  /** Prefix of the names of new nodes: the ONNX node that is converted. */
  scope = "";
  private readonly names = new Map<string, number>();
  private readonly constants = new Map<string, string>();
  private batchNode: string | null = null;
  private batchSource: { input: string; axis: number } | null = null;

  /** Adds an input. Inputs come before other nodes, so that they have the names they ask for. */
  input(given: string, shape: readonly Dim[], dtype: DType): string {
    const dim = shape.map((size) => ({ size: isKnown(size) ? String(size) : "-1" }));
    const name = this.named(given, "Placeholder", [], { dtype: attr.type(dtype), shape: { shape: { dim } } });
    const axis = shape.findIndex((size) => !isKnown(size));
    if (axis >= 0) this.batchSource ??= { input: name, axis };
    return name;
  }

  /** Reserves a name, without the characters that names of nodes cannot have. */
  unique(given: string): string {
    const clean = given.replace(/^[/^]+/, "").replace(/[:\s]/g, "_") || "node";
    const before = this.names.get(clean) ?? 0;
    this.names.set(clean, before + 1);
    return before === 0 ? clean : this.unique(`${clean}_${before}`);
  }

  /** Adds a node named after the ONNX node that is converted. */
  node(op: string, input: readonly string[], attributes: GraphNode["attr"] = {}): string {
    return this.named(this.scope === "" ? op : `${this.scope}/${op.replace(/^_/, "")}`, op, input, attributes);
  }

  named(given: string, op: string, input: readonly string[], attributes: GraphNode["attr"] = {}): string {
    return this.reserved(this.unique(given), op, input, attributes);
  }

  /** Adds a node under a name that was reserved before. */
  reserved(name: string, op: string, input: readonly string[], attributes: GraphNode["attr"] = {}): string {
    this.nodes.push({ name, op, input: [...input], attr: attributes });
    return name;
  }

  /** Adds a constant; equal small ones share a node. */
  constant(dtype: DType, shape: readonly number[], data: ArrayLike<number>, stored?: Stored): string {
    const key = data.length <= 64 && !stored ? JSON.stringify([dtype, shape, Array.from(data, String)]) : null;
    const before = key === null ? undefined : this.constants.get(key);
    if (before !== undefined) return before;
    const name = this.named(`${this.scope === "" ? "" : `${this.scope}/`}const`, "Const", [], {
      dtype: attr.type(dtype),
    });
    this.weights.set(name, partOf(name, dtype, shape, data, stored));
    if (key !== null) this.constants.set(key, name);
    return name;
  }

  ints(values: readonly number[]): string {
    return this.constant("int32", [values.length], values);
  }

  int(value: number): string {
    return this.constant("int32", [], [value]);
  }

  /** Adds a list of sizes that may depend on the batch, computed at run time where it does. */
  dims(dims: readonly Dim[]): string {
    const parts: string[] = [];
    let before: number[] = [];
    const close = () => {
      if (before.length > 0) parts.push(this.ints(before));
      before = [];
    };
    for (const dim of dims) {
      if (isKnown(dim)) before.push(dim);
      else {
        close();
        const scaled = dim.times === 1 ? this.batch() : this.node("Mul", [this.batch(), this.ints([dim.times])], int32);
        parts.push(dim.plus === 0 ? scaled : this.node("AddV2", [scaled, this.ints([dim.plus])], int32));
      }
    }
    close();
    if (parts.length === 0) return this.ints([]);
    if (parts.length === 1) return parts[0] as string;
    return this.node("ConcatV2", [...parts, this.int(0)], { ...int32, N: attr.int(parts.length) });
  }

  // The size of the batch as a list of one.
  private batch(): string {
    if (this.batchNode !== null) return this.batchNode;
    if (!this.batchSource) throw new OnnxError("its shape depends on a batch that no input has");
    const { input, axis } = this.batchSource;
    const shape = this.node("Shape", [input], { T: attr.type("float32"), out_type: attr.type("int32") });
    this.batchNode = this.node("Slice", [shape, this.ints([axis]), this.ints([1])], int32);
    return this.batchNode;
  }
}

const int32 = { T: attr.type("int32") };
const int32Max = 2 ** 31 - 1;
const int32Min = -(2 ** 31);

function partOf(
  name: string,
  dtype: DType,
  shape: readonly number[],
  data: ArrayLike<number>,
  stored: Stored | undefined,
): StoredPart {
  const spec: WeightSpec = { name, shape: [...shape], dtype };
  if (sizeOf(shape) !== data.length) throw new OnnxError(`a constant of shape [${shape}] has ${data.length} values`);
  if (dtype === "bool") return { spec, bytes: Uint8Array.from(data, (value) => (value ? 1 : 0)) };
  if (dtype === "int32") {
    const wrong = Array.prototype.find.call(data, (value: number) => !(value >= int32Min && value <= int32Max));
    if (wrong !== undefined) {
      throw new OnnxError(`the constant ${wrong} is too large: the edge has integers of 32 bits`);
    }
    return { spec, bytes: new Uint8Array(Int32Array.from(data).buffer) };
  }
  if (stored?.type === "float16") {
    return { spec: { ...spec, quantization: { dtype: "float16" } }, bytes: new Uint8Array(halves(data).buffer) };
  }
  if (stored?.type === "uint8" && !stored.by) {
    const { codes, scale, min } = stored;
    return { spec: { ...spec, quantization: { dtype: "uint8", scale, min } }, bytes: codes };
  }
  return { spec, bytes: new Uint8Array(Float32Array.from(data).buffer) };
}

function halves(data: ArrayLike<number>): Uint16Array {
  const view = new DataView(new ArrayBuffer(2));
  return Uint16Array.from(data, (value) => {
    view.setFloat16(0, value);
    return view.getUint16(0);
  });
}
