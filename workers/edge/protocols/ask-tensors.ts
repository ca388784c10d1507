import type { Answer } from "../../core/contract/index.ts";
import type { Call } from "../call.ts";
import { modelOf } from "../call.ts";
import { ask } from "../ladder/ask.ts";
import { numberedManifest, servedManifest, servedPointer } from "../ladder/version.ts";
import { instancesOf } from "./instances.ts";
import { outputsOf } from "./outputs.ts";
import { type Signature, signatureOf } from "./signature.ts";
import type { Tensor } from "./tensor.ts";

/** A model as a path names it, with or without a version. */
export interface Served {
  model: string;
  /** The version that was asked for by number; null: whichever serves the caller. */
  pinned: number | null;
  /** The version that the signature is of. */
  version: number;
  manifest: Awaited<ReturnType<typeof servedManifest>>;
  signature: Signature;
}

/** The model that a call's path names; throws not-found for an unknown one, or an unknown version of it. */
export async function servedOf(call: Call): Promise<Served> {
  const model = modelOf(call);
  const pointer = await servedPointer(call, model);
  const asked = call.params.version;
  const manifest =
    asked === undefined ? await servedManifest(call, pointer) : await numberedManifest(call, model, asked);
  const { version } = manifest;
  return { model, manifest, version, pinned: asked === undefined ? null : version, signature: signatureOf(manifest) };
}

export interface AskOptions {
  /** Whether what the edge is not sure of climbs; else the edge's own answer is taken. */
  escalate: boolean;
  /** The questions' region, where they name none themselves. */
  region?: string | undefined;
}

/** Asks a row of the tensors each, and gives the answers as tensors. */
export async function askTensors(
  call: Call,
  { model, manifest, pinned, signature }: Served,
  tensors: readonly Tensor[],
  { escalate, region }: AskOptions,
): Promise<{ answers: Answer[]; outputs: Tensor[] }> {
  const instances = instancesOf(manifest, tensors);
  const questions = instances.map((instance) => (region === undefined ? { instance } : { instance, region }));
  const answers = await ask(call, model, { questions, accept: escalate ? "rule" : "always" }, pinned);
  return { answers, outputs: outputsOf(signature, answers) };
}
