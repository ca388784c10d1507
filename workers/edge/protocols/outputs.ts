import type { Answer } from "#core/contract/index.ts";
import type { Tensors } from "#core/model/tensor-model.ts";
import type { RowAnswers } from "../ladder/ask-rows.ts";
import type { Answered } from "./answered.ts";
import type { Value } from "./datatypes.ts";
import type { Signature } from "./signature.ts";
import type { NamedTensor, NumberArray, TensorMetadata } from "./tensor.ts";

/** Converts answers to the tensors of its signature, one row for each answer. */
export function answerTensors({ outputs }: Signature, answers: readonly Answer[]): NamedTensor[] {
  return outputs.map((metadata) => answerTensor(metadata, answers));
}

function answerTensor(metadata: TensorMetadata, answers: readonly Answer[]): NamedTensor {
  const { name, datatype, shape, labels } = metadata;
  const data = labels ? scoresOf(labels, answers) : answers.flatMap((answer) => rowOf(metadata, answer));
  return { name, datatype, shape: [answers.length, ...shape.slice(1)], data };
}

/** Converts the answers to rows to the tensors of its signature that are needed; answers are made only where one is. */
export function rowTensors(
  { outputs }: Signature,
  answered: RowAnswers,
  needed: readonly string[] = outputs.map(({ name }) => name),
): Answered {
  const { scored, settled } = answered;
  const wanted = outputs.filter(({ name }) => needed.includes(name));
  const isScored = ({ labels }: TensorMetadata) =>
    labels !== undefined && settled.size === 0 && labels.join("\n") === scored.labels.join("\n");
  const all = wanted.every(isScored) ? [] : Array.from({ length: scored.count }, (_, row) => answered.answerOf(row));
  const tensors = wanted.map((metadata): NamedTensor => {
    if (!isScored(metadata)) return answerTensor(metadata, all);
    const { name, datatype } = metadata;
    return { name, datatype, shape: [scored.count, scored.labels.length], data: new Float32Array(scored.scores) };
  });
  const versions = new Set([...settled.values()].map(({ version }) => version));
  if (settled.size < scored.count) versions.add(scored.version);
  return { outputs: tensors, version: oneOf(versions) };
}

/** Returns the version of all rows; null where there are several. */
export function oneOf(versions: ReadonlySet<string>): string | null {
  const [version = null] = versions;
  return versions.size === 1 ? version : null;
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
