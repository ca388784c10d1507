import type { ClassifyManifest, Manifest, TensorSpec } from "#core/contract/index.ts";
import type { Tensor } from "#core/model/engine.ts";
import { tensorModelOf } from "../artefacts/models.ts";
import { type Call, modelOf } from "../call.ts";
import { ask } from "../ladder/ask.ts";
import { runTensors, servedTensorModel } from "../ladder/run.ts";
import { numberedManifest, servedManifest, servedPointer } from "../ladder/version.ts";
import { type Batch, batchOf } from "./batch.ts";
import { exactly } from "./exact.ts";
import { instancesOf } from "./instances.ts";
import { answerTensors, modelTensors } from "./outputs.ts";
import { type Signature, signatureOf } from "./signature.ts";
import { misfit, type NamedTensor } from "./tensor.ts";

/** A model as a path names it, with or without a version. */
export interface Named {
  model: string;
  /** The version that was asked for by number; null: whichever serves the caller. */
  pinned: number | null;
  /** Of the version that was asked for, else of the stable one. */
  manifest: Manifest;
  signature: Signature;
}

/** The model that a call's path names; throws not-found for an unknown one, or an unknown version of it. */
export async function namedOf(call: Call): Promise<Named> {
  const model = modelOf(call);
  const pointer = await servedPointer(call, model);
  const number = call.params.version;
  const manifest = await (number === undefined ? servedManifest(call, pointer) : numberedManifest(call, model, number));
  return {
    model,
    pinned: number === undefined ? null : manifest.version,
    manifest,
    signature: signatureOf(manifest),
  };
}

/** What came of a batch, and by which version: null where rows differ in it, and the output `version` tells. */
export interface Answered {
  outputs: NamedTensor[];
  version: string | null;
}

export interface AskOptions {
  /** Whether what the edge is not sure of escalates; else the edge's own answer is taken. */
  escalate: boolean;
  /** The questions' region, where they name none themselves. */
  region?: string | undefined;
}

/** Asks a model a row of the tensors each. Throws before anything is stored where they do not suit it. */
export function askTensors(
  call: Call,
  named: Named,
  tensors: readonly NamedTensor[],
  options: AskOptions,
): Promise<Answered> {
  const { manifest, signature } = named;
  if (manifest.task === "tensor") return runModel(call, named, tensors);
  return askQuestions(call, named, manifest, batchOf(signature.inputs, tensors), options);
}

async function askQuestions(
  call: Call,
  { model, pinned, signature }: Named,
  manifest: ClassifyManifest,
  batch: Batch,
  { escalate, region }: AskOptions,
): Promise<Answered> {
  const instances = instancesOf(manifest, batch);
  const questions = instances.map((instance) => (region === undefined ? { instance } : { instance, region }));
  const answers = await ask(call, model, { questions, accept: escalate ? "rule" : "always" }, pinned);
  const versions = new Set(answers.map(({ version }) => version));
  const [version] = versions as Set<string>;
  return { outputs: answerTensors(signature, answers), version: versions.size === 1 && version ? version : null };
}

async function runModel(call: Call, { model, pinned }: Named, tensors: readonly NamedTensor[]): Promise<Answered> {
  // A canary may take other tensors than the stable version.
  const served = await (pinned === null ? servedTensorModel(call, model) : tensorModelOf(call, model, pinned));
  const signature = signatureOf(served.manifest);
  const batch = batchOf(signature.inputs, tensors);
  const inputs = served.manifest.network.inputs.map((spec): [string, Tensor] => [spec.name, inputOf(spec, batch)]);
  const outputs = runTensors(call, served, Object.fromEntries(inputs), batch.rows);
  return { outputs: modelTensors(signature, outputs), version: String(served.manifest.version) };
}

function inputOf({ name, dtype }: TensorSpec, { tensors }: Batch): Tensor {
  const tensor = tensors.find((one) => one.name === name);
  if (!tensor) throw misfit("inputs", `input '${name}'`, "none of that name");
  const values = exactly(dtype, tensor);
  return { shape: tensor.shape, values: dtype === "float32" ? Float32Array.from(values) : Int32Array.from(values) };
}
