import { bytes, many, message, messages, one, type Read, readMessage } from "./wire.ts";

// The messages of onnx.proto, as far as a model for inference needs them: field names and numbers are those of the format.

const entry = { key: one(1, "string"), value: one(2, "string") };

const tensor = {
  dims: many(1, "int"),
  dataType: one(2, "int"),
  floatData: many(4, "float"),
  int32Data: many(5, "int"),
  int64Data: many(7, "int"),
  name: one(8, "string"),
  rawData: bytes(9),
  doubleData: many(10, "double"),
  uint64Data: many(11, "int"),
  externalData: messages(13, entry),
  dataLocation: one(14, "int"),
};
export type TensorProto = Read<typeof tensor>;

const dimension = { value: one(1, "int"), param: one(2, "string") };
const tensorType = { elemType: one(1, "int"), shape: message(2, { dim: messages(1, dimension) }) };
const valueInfo = { name: one(1, "string"), type: message(2, { tensor: message(1, tensorType) }) };
export type ValueInfoProto = Read<typeof valueInfo>;

const attribute = {
  name: one(1, "string"),
  f: one(2, "float"),
  i: one(3, "int"),
  s: one(4, "string"),
  t: message(5, tensor),
  /** A graph, read by `readGraph`. */
  g: bytes(6),
  floats: many(7, "float"),
  ints: many(8, "int"),
  strings: many(9, "string"),
};
export type AttributeProto = Read<typeof attribute>;

const node = {
  input: many(1, "string"),
  output: many(2, "string"),
  name: one(3, "string"),
  opType: one(4, "string"),
  attribute: messages(5, attribute),
  domain: one(7, "string"),
};
export type NodeProto = Read<typeof node>;

const graph = {
  node: messages(1, node),
  initializer: messages(5, tensor),
  input: messages(11, valueInfo),
  output: messages(12, valueInfo),
  sparseInitializer: messages(15, {}),
};
export type GraphProto = Read<typeof graph>;

const model = {
  irVersion: one(1, "int"),
  producerName: one(2, "string"),
  graph: message(7, graph),
  opsetImport: messages(8, { domain: one(1, "string"), version: one(2, "int") }),
  functions: messages(25, { name: one(1, "string"), domain: one(10, "string") }),
};
export type ModelProto = Read<typeof model>;

/** Reads a model. Throws when the bytes are no protobuf message. */
export function readModel(given: Uint8Array): ModelProto {
  return readMessage(given, model);
}

/** Reads a graph, such as the branch of a condition. */
export function readGraph(given: Uint8Array): GraphProto {
  return readMessage(given, graph);
}
