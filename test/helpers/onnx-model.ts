import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

type Attribute = number | string | readonly number[] | { float: number } | { tensor: OnnxTensor };

/** A node of an ONNX graph. */
export interface OnnxNode {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  name?: string;
  domain?: string;
  attributes?: Readonly<Record<string, Attribute>>;
}

/** A tensor of an ONNX graph, in itself or in a file beside the model. */
export interface OnnxTensor {
  name: string;
  shape: readonly number[];
  values?: Float32Array | BigInt64Array | Int8Array | Uint8Array;
  external?: { location: string; offset?: number; length?: number };
}

/** What an ONNX graph consists of; sizes of inputs may be names. */
export interface OnnxParts {
  nodes: readonly OnnxNode[];
  inputs: Readonly<Record<string, readonly (number | string)[]>>;
  outputs: readonly string[];
  tensors?: readonly OnnxTensor[];
  opset?: number;
}

/** Writes an ONNX model. */
export function onnxModel({ nodes, inputs, outputs, tensors = [], opset = 17 }: OnnxParts): Uint8Array {
  const graph = new BinaryWriter();
  for (const node of nodes) field(graph, 1, nodeOf(node));
  for (const tensor of tensors) field(graph, 5, tensorOf(tensor));
  for (const [name, shape] of Object.entries(inputs)) field(graph, 11, valueInfo(name, shape));
  for (const name of outputs) field(graph, 12, valueInfo(name, []));
  const model = new BinaryWriter();
  field(model, 7, graph);
  field(model, 8, new BinaryWriter().tag(2, WireType.Varint).int64(opset));
  return model.finish();
}

function field(to: BinaryWriter, no: number, message: BinaryWriter): BinaryWriter {
  return to.tag(no, WireType.LengthDelimited).bytes(message.finish());
}

function text(to: BinaryWriter, no: number, value: string): BinaryWriter {
  return to.tag(no, WireType.LengthDelimited).string(value);
}

function nodeOf({ op, inputs, outputs, name = op, domain, attributes = {} }: OnnxNode): BinaryWriter {
  const node = new BinaryWriter();
  for (const one of inputs) text(node, 1, one);
  for (const one of outputs) text(node, 2, one);
  text(node, 3, name);
  text(node, 4, op);
  for (const [key, value] of Object.entries(attributes)) field(node, 5, attributeOf(key, value));
  return domain ? text(node, 7, domain) : node;
}

function attributeOf(name: string, value: Attribute): BinaryWriter {
  const attribute = text(new BinaryWriter(), 1, name);
  if (typeof value === "number") return attribute.tag(3, WireType.Varint).int64(value);
  if (typeof value === "string") return text(attribute, 4, value);
  if ("float" in value) return attribute.tag(2, WireType.Bit32).float(value.float);
  if ("tensor" in value) return field(attribute, 5, tensorOf(value.tensor));
  for (const item of value) attribute.tag(8, WireType.Varint).int64(item);
  return attribute;
}

function tensorOf({ name, shape, values, external }: OnnxTensor): BinaryWriter {
  const tensor = new BinaryWriter();
  for (const size of shape) tensor.tag(1, WireType.Varint).int64(size);
  tensor.tag(2, WireType.Varint).int32(typeOf(values));
  text(tensor, 8, name);
  if (!external) {
    const { buffer, byteOffset, byteLength } = values as Float32Array;
    return tensor.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(buffer, byteOffset, byteLength));
  }
  for (const [key, value] of Object.entries(external)) {
    field(tensor, 13, text(text(new BinaryWriter(), 1, key), 2, String(value)));
  }
  return tensor.tag(14, WireType.Varint).int32(1);
}

function typeOf(values: OnnxTensor["values"]): number {
  if (values instanceof BigInt64Array) return 7;
  if (values instanceof Uint8Array) return 2;
  return values instanceof Int8Array ? 3 : 1;
}

function valueInfo(name: string, shape: readonly (number | string)[]): BinaryWriter {
  const dims = new BinaryWriter();
  for (const size of shape) {
    const dim = new BinaryWriter();
    field(dims, 1, typeof size === "number" ? dim.tag(1, WireType.Varint).int64(size) : text(dim, 2, size));
  }
  const tensor = field(new BinaryWriter().tag(1, WireType.Varint).int32(1), 2, dims);
  return field(text(new BinaryWriter(), 1, name), 2, field(new BinaryWriter(), 1, tensor));
}
