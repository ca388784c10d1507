import type { ClassifyManifest, Manifest, TensorSpec } from "#core/contract/index.ts";
import type { Tensor } from "#core/model/engine.ts";
import { tensorModelOf } from "../artefacts/models.ts";
import { type Call, modelOf } from "../call.ts";
import { ask } from "../ladder/ask.ts";
import { askRows } from "../ladder/ask-rows.ts";
import { runTensors, servedTensorModel } from "../ladder/run.ts";
import { numberedManifest, type Resolved, resolveModel } from "../ladder/version.ts";
import { admitQuestions } from "../limits.ts";
import type { Answered } from "./answered.ts";
import { type Batch, batchOf } from "./batch.ts";
import { exactly } from "./exact.ts";
import { answerTensors, modelTensors, oneOf, rowTensors } from "./outputs.ts";
import { rowsOf } from "./rows.ts";
import { type Signature, signatureOf } from "./signature.ts";
import { misfit, type NamedTensor } from "./tensor.ts";

/** The model that a path names, with or without a version. */
export interface Named {
  model: string;
  resolved: Resolved;
  /** The version in the path; null for the one that serves the caller. */
  pinned: number | null;
  /** The manifest of the version in the path, otherwise of the stable version. */
  manifest: Manifest;
  signature: Signature;
}

/** Reads the model that a path names. Throws not-found for an unknown model or version. */
export async function namedOf(call: Call): Promise<Named> {
  const model = modelOf(call);
  const resolved = await resolveModel(call, model);
  const number = call.params.version;
  const manifest = number === undefined ? resolved.manifest : await numberedManifest(call, model, number);
  return {
    model,
    resolved,
    pinned: number === undefined ? null : manifest.version,
    manifest,
    signature: signatureOf(manifest),
  };
}

export interface TensorAskOptions {
  /** Whether questions that the edge does not accept escalate. */
  escalate: boolean;
  /** The region of questions without one. */
  region?: string | undefined;
  /** The only labels that may be answered. */
  candidates?: string[] | undefined;
  /** The names of the outputs that are needed; all unless given. */
  needed?: readonly string[];
}

/** Asks a question for each row of the tensors. Throws before anything is stored if the tensors do not match the model. */
export function askTensors(
  call: Call,
  named: Named,
  tensors: readonly NamedTensor[],
  options: TensorAskOptions,
): Promise<Answered> {
  const { manifest, signature } = named;
  if (manifest.task === "tensor") {
    if (options.candidates) throw misfit("candidates", "absent: a tensor model has no labels", "a list");
    return runModel(call, named, tensors);
  }
  return askQuestions(call, named, manifest, batchOf(signature.inputs, tensors), options);
}

async function askQuestions(
  call: Call,
  { resolved, pinned, signature }: Named,
  manifest: ClassifyManifest,
  batch: Batch,
  { escalate, region, candidates, needed }: TensorAskOptions,
): Promise<Answered> {
  const rows = rowsOf(manifest, batch);
  const accept = escalate ? ("rule" as const) : ("always" as const);
  const answered =
    region === undefined && candidates === undefined ? await askRows(call, resolved, rows, { accept }, pinned) : null;
  if (answered) return rowTensors(signature, answered, needed);
  const questions = Array.from({ length: rows.count }, (_, row) => ({
    instance: rows.instanceOf(row),
    ...(region === undefined ? {} : { region }),
  }));
  const body = { questions, accept };
  const answers = await ask(call, resolved, candidates ? { ...body, candidates } : body, pinned);
  const versions = new Set(answers.map(({ version }) => version));
  return { outputs: answerTensors(signature, answers), version: oneOf(versions) };
}

async function runModel(
  call: Call,
  { model, resolved, pinned }: Named,
  tensors: readonly NamedTensor[],
): Promise<Answered> {
  // A canary may have other inputs than the stable version.
  const served = await (pinned === null
    ? servedTensorModel(call, resolved.pointer)
    : tensorModelOf(call, model, pinned));
  const signature = signatureOf(served.manifest);
  const batch = batchOf(signature.inputs, tensors);
  await admitQuestions(call, batch.rows);
  const inputs = served.manifest.network.inputs.map((spec): [string, Tensor] => [spec.name, inputOf(spec, batch)]);
  const outputs = runTensors(call, served, Object.fromEntries(inputs), batch.rows);
  return { outputs: modelTensors(signature, outputs), version: String(served.manifest.version) };
}

function inputOf({ name, dtype }: TensorSpec, { tensors }: Batch): Tensor {
  const tensor = tensors.find((one) => one.name === name);
  if (!tensor) throw misfit("inputs", `an array that includes input '${name}'`, "an array without it");
  const values = exactly(dtype, tensor);
  const Values = dtype === "float32" ? Float32Array : Int32Array;
  return { shape: tensor.shape, values: values instanceof Values ? values : new Values(values) };
}
