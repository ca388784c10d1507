import type { Answer } from "../../core/contract/index.ts";
import type { Signature } from "./signature.ts";
import type { Tensor, TensorSpec } from "./tensor.ts";

/** Answers as the tensors that a model's signature names, one row each. */
export function outputsOf({ outputs }: Signature, answers: readonly Answer[]): Tensor[] {
  return outputs.map((spec) => ({
    name: spec.name,
    datatype: spec.datatype,
    shape: [answers.length, ...spec.shape.slice(1)],
    data: answers.flatMap((answer) => rowOf(spec, answer)),
  }));
}

function rowOf({ name, labels }: TensorSpec, answer: Answer): Tensor["data"] {
  // A held region or a canary may know other labels than the version that the signature is of.
  if (labels) return labels.map((label) => Math.fround(answer.scores[label] ?? 0));
  const value = answer[name as "label" | "confidence" | "status" | "rung" | "version" | "id"];
  return [typeof value === "number" ? Math.fround(value) : value];
}
