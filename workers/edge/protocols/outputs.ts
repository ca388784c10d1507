import type { Answer } from "#core/contract/index.ts";
import type { Tensors } from "#core/model/tensor-model.ts";
import type { Value } from "./datatypes.ts";
import type { Signature } from "./signature.ts";
import type { NamedTensor, TensorMetadata } from "./tensor.ts";

/** A classifier's answers as the tensors that its signature names, one row each. */
export function answerTensors({ outputs }: Signature, answers: readonly Answer[]): NamedTensor[] {
  return outputs.map((metadata) => ({
    name: metadata.name,
    datatype: metadata.datatype,
    shape: [answers.length, ...metadata.shape.slice(1)],
    data: answers.flatMap((answer) => rowOf(metadata, answer)),
  }));
}

function rowOf({ name, labels }: TensorMetadata, answer: Answer): Value[] {
  // A held region or a canary may know other labels than the version that the signature is of.
  if (labels) return labels.map((label) => Math.fround(answer.scores[label] ?? 0));
  const value = answer[name as "label" | "confidence" | "status" | "rung" | "version" | "id"];
  return [typeof value === "number" ? Math.fround(value) : value];
}

/** What a model of tensors gave, as the tensors that its signature names. */
export function modelTensors({ outputs }: Signature, found: Tensors): NamedTensor[] {
  return outputs.map(({ name, datatype }) => {
    const { shape, values } = found[name] as Tensors[string];
    return { name, datatype, shape, data: Array.from(values, (value) => (datatype === "BOOL" ? value !== 0 : value)) };
  });
}
