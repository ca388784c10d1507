import type { AskBody, TensorAnswer, TensorManifest } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { decodeRow, encodeTensors } from "#core/input/tensors.ts";
import { EngineError } from "#core/model/engine.ts";
import type { TensorModel, Tensors } from "#core/model/tensor-model.ts";
import { tensorModelOf } from "../artefacts/models.ts";
import type { Call } from "../call.ts";
import { countRequest, type Given } from "../metrics/count.ts";
import { callerOf } from "./ask.ts";
import { draftsOf } from "./questions.ts";
import { orLastGood, servedPointer, versionFor } from "./version.ts";

/** Numbers of an output in JSON: 1 MiB of them are some 20 MB of text. */
const jsonOutputMaxValues = 1024 * 1024;

/** A model of tensors as it serves a caller. */
export interface Served {
  manifest: TensorManifest;
  model: TensorModel;
}

/** The version of a model of tensors that answers a call's caller, loaded. */
export async function servedTensorModel(call: Call, model: string, caller?: string): Promise<Served> {
  const pointer = await servedPointer(call, model);
  const version = await versionFor(pointer, caller ?? callerOf(call), "");
  return orLastGood(pointer, version, (tried) => tensorModelOf(call, model, tried));
}

/** Answers a body's instances by a model of tensors: here, all of them, or none. */
export async function run(call: Call, model: string, body: AskBody): Promise<TensorAnswer[]> {
  const served = await servedTensorModel(call, model, body.caller);
  const instances = draftsOf(body).map(({ instance }) => instance);
  const encoded = encodeTensors(served.model.spec, instances);
  if (!encoded.ok) throw new FaultError({ kind: "invalid", errors: encoded.error });
  const outputs = runTensors(call, served, encoded.value, instances.length);
  const values = Object.values(outputs).reduce((sum, tensor) => sum + tensor.values.length, 0);
  if (values > jsonOutputMaxValues) throw tooMany(model, values);
  return instances.map((_, row) => ({
    model,
    version: String(served.manifest.version),
    rung: "edge",
    outputs: Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, decodeRow(tensor, row)])),
  }));
}

function tooMany(model: string, values: number): FaultError {
  const expected = `at most ${jsonOutputMaxValues} values of outputs as JSON: fewer instances, or /v2/models/${model}/infer in binary`;
  return new FaultError({ kind: "invalid", errors: [{ path: "", expected, received: `${values} values` }] });
}

/** Runs a model of tensors; what does not suit it is the caller's to mend. */
export function runTensors(call: Call, { manifest, model }: Served, inputs: Tensors, rows: number): Tensors {
  const startedAt = Date.now();
  try {
    const outputs = model.run(inputs, rows);
    // A model of tensors has no regions, and is always taken at its word.
    const asked = { region: "", base: manifest.version };
    const answer: Given = { ...asked, rung: "edge", outcome: "accepted", isHere: true, ms: Date.now() - startedAt };
    countRequest(call, manifest.model, asked, new Array<Given>(rows).fill(answer));
    return outputs;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const expected = "values and shapes that the model can run on";
    throw new FaultError(
      { kind: "invalid", errors: [{ path: "", expected, received: error.message }] },
      { cause: error },
    );
  }
}
