import type { Answer } from "#core/contract/index.ts";
import type { Tensors } from "#core/model/tensor-model.ts";
import type { Value } from "./datatypes.ts";
import type { Signature } from "./signature.ts";
import type { NamedTensor, NumberArray, TensorMetadata } from "./tensor.ts";

/** Converts answers to the tensors of its signature, one row for each answer. */
export function answerTensors({ outputs }: Signature, answers: readonly Answer[]): NamedTensor[] {
  return outputs.map((metadata) => ({
    name: metadata.name,
    datatype: metadata.datatype,
    shape: [answers.length, ...metadata.shape.slice(1)],
    data: metadata.labels ? scoresOf(metadata.labels, answers) : answers.flatMap((answer) => rowOf(metadata, answer)),
  }));
}

// A held-back region or a canary may have other labels than the version of the signature.
function scoresOf(labels: readonly string[], answers: readonly Answer[]): Float32Array<ArrayBuffer> {
  const scores = new Float32Array(answers.length * labels.length);
  for (let row = 0; row < answers.length; row++) {
    const own = (answers[row] as Answer).scores;
    for (let i = 0; i < labels.length; i++) scores[row * labels.length + i] = own[labels[i] as string] ?? 0;
  }
  return scores;
}

function rowOf({ name }: TensorMetadata, answer: Answer): Value[] {
  // What is known for sure has no spread; where there is no interval yet, its ends are NaN: null in JSON.
  const { value: known = Number.NaN, mean = known, rung, interval } = answer;
  if (name === "value") return [known];
  if (name === "mean") return [mean];
  if (name === "interval") return interval ?? (rung === "human" ? [known, known] : [Number.NaN, Number.NaN]);
  const value = answer[name as "label" | "confidence" | "status" | "rung" | "version" | "id"];
  return [typeof value === "number" ? Math.fround(value) : value];
}

/** Converts a tensor model's outputs to the tensors of its signature. */
export function modelTensors({ outputs }: Signature, found: Tensors): NamedTensor[] {
  return outputs.map(({ name, datatype }) => {
    const { shape, values } = found[name] as Tensors[string];
    const data = datatype === "BOOL" ? Array.from(values, (value) => value !== 0) : (values as NumberArray);
    return { name, datatype, shape, data };
  });
}
