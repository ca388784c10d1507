import type { Instance } from "../../contract/index.ts";
import { softmax } from "../../head/head.ts";
import type { Asked, Scored, Send } from "./adapter.ts";
import { distributionOf, modelNameOf } from "./distribution.ts";
import { textOf } from "./prompt.ts";
import { fieldsOf, noAnswer } from "./transport.ts";

/** A tensor of one row. */
interface Tensor {
  name: string;
  datatype: "FP64" | "BOOL" | "BYTES";
  shape: number[];
  data: unknown[];
}

/** Asks a server of the Open Inference Protocol 2 (KServe, Triton, Seldon): one row in, one value for each label out. */
export async function askOpenInference({ rung, labels, question }: Asked, send: Send): Promise<Scored> {
  const { input, output = "scores", logits = false } = rung.tensors ?? {};
  const inputs = input === undefined ? tensorsOf(question.instance) : [textTensor(input, textOf(question.instance))];
  const model = rung.model.split("/").map(encodeURIComponent).join("/");
  const reply = fieldsOf(await send(`/v2/models/${model}/infer`, { inputs }));
  const outputs = Array.isArray(reply.outputs) ? reply.outputs.map(fieldsOf) : [];
  const found = outputs.find(({ name }) => name === output) ?? (outputs.length === 1 ? outputs[0] : undefined);
  const values = Array.isArray(found?.data) ? found.data.flat(8) : [];
  if (values.length !== labels.length) throw noAnswer("failed", "its output does not have one value for each label");
  if (!values.every(Number.isFinite)) throw noAnswer("failed", "its output is not finite");
  const scores = logits ? [...softmax(Float64Array.from(values), 1)] : values;
  return {
    scores: distributionOf(
      labels,
      labels.map((label, i) => [label, scores[i]]),
    ),
    model: modelNameOf(
      reply.model_version ? `${reply.model_name}:${reply.model_version}` : reply.model_name,
      rung.model,
    ),
    inputTokens: null,
  };
}

// A missing column is left out.
function tensorsOf(instance: Instance): Tensor[] {
  if (Array.isArray(instance)) return [numbers("instance", instance)];
  return Object.entries(instance).flatMap(([name, value]): Tensor[] => {
    if (value === null) return [];
    if (typeof value === "string") return [textTensor(name, value)];
    if (typeof value === "boolean") return [{ name, datatype: "BOOL", shape: [1], data: [value] }];
    return [typeof value === "number" ? { name, datatype: "FP64", shape: [1], data: [value] } : numbers(name, value)];
  });
}

function textTensor(name: string, text: string): Tensor {
  return { name, datatype: "BYTES", shape: [1], data: [text] };
}

function numbers(name: string, nested: readonly unknown[]): Tensor {
  return { name, datatype: "FP64", shape: [1, ...shapeOf(nested)], data: nested.flat(8) };
}

function shapeOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [];
}
