import type { AskBody, ModelPointer, TensorAnswer, TensorManifest } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { decodeRow, encodeTensors } from "#core/input/tensors.ts";
import { EngineError } from "#core/model/engine.ts";
import type { TensorModel, Tensors } from "#core/model/tensor-model.ts";
import { draftsOf, refuseChoice } from "#core/rung/drafts.ts";
import { tensorModelOf } from "../artefacts/models.ts";
import type { Call } from "../call.ts";
import { admitQuestions } from "../limits.ts";
import { countRequest } from "../metrics/count.ts";
import { callerOf } from "./ask.ts";
import { orLastGood, versionFor } from "./version.ts";

/** Numbers of an output in JSON: 1 MiB of them are some 20 MB of text. */
const jsonOutputMaxValues = 1024 * 1024;

/** A loaded tensor model with its manifest. */
export interface Served {
  manifest: TensorManifest;
  model: TensorModel;
}

/** Loads the version of a tensor model that answers the caller. */
export async function servedTensorModel(call: Call, pointer: ModelPointer, caller?: string): Promise<Served> {
  const version = await versionFor(pointer, caller ?? callerOf(call), "");
  return orLastGood(pointer, version, (tried) => tensorModelOf(call, pointer.model, tried));
}

/** Answers all instances of a body with a tensor model. */
export async function run(call: Call, pointer: ModelPointer, body: AskBody): Promise<TensorAnswer[]> {
  refuseChoice(body);
  const { model } = pointer;
  const served = await servedTensorModel(call, pointer, body.caller);
  const instances = draftsOf(body).map(({ instance }) => instance);
  await admitQuestions(call, instances.length);
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

/** Runs a tensor model. Throws a validation fault for inputs that it can't run on. */
export function runTensors(call: Call, { manifest, model }: Served, inputs: Tensors, rows: number): Tensors {
  const startedAt = Date.now();
  try {
    const outputs = model.run(inputs, rows);
    // A tensor model has no regions, and its answers are always accepted.
    const asked = { region: "", base: manifest.version };
    const common = { ...asked, rung: "edge", outcome: "accepted", isHere: true } as const;
    countRequest(call, manifest.model, asked, [{ ...common, ms: Date.now() - startedAt, times: rows }]);
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
