import type { ClassifyManifest, Manifest, TensorSpec } from "#core/contract/index.ts";
import type { Tensor } from "#core/model/engine.ts";
import { tensorModelOf } from "../artefacts/models.ts";
import { type Call, modelOf } from "../call.ts";
import { ask } from "../ladder/ask.ts";
import { runTensors, servedTensorModel } from "../ladder/run.ts";
import { numberedManifest, type Resolved, resolveModel } from "../ladder/version.ts";
import { admitQuestions } from "../limits.ts";
import { type Batch, batchOf } from "./batch.ts";
import { exactly } from "./exact.ts";
import { instancesOf } from "./instances.ts";
import { answerTensors, modelTensors } from "./outputs.ts";
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

/** The outputs of a batch and their version. Null if rows have different versions, which the output `version` lists. */
export interface Answered {
  outputs: NamedTensor[];
  version: string | null;
}

export interface TensorAskOptions {
  /** Whether questions that the edge does not accept escalate. */
  escalate: boolean;
  /** The region of questions without one. */
  region?: string | undefined;
  /** The only labels that may be answered. */
  candidates?: string[] | undefined;
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
  { escalate, region, candidates }: TensorAskOptions,
): Promise<Answered> {
  const instances = instancesOf(manifest, batch);
  const questions = instances.map((instance) => (region === undefined ? { instance } : { instance, region }));
  const body = { questions, accept: escalate ? ("rule" as const) : ("always" as const) };
  const answers = await ask(call, resolved, candidates ? { ...body, candidates } : body, pinned);
  const versions = new Set(answers.map(({ version }) => version));
  const [version] = versions as Set<string>;
  return { outputs: answerTensors(signature, answers), version: versions.size === 1 && version ? version : null };
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
