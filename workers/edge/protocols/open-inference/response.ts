import type { Answer } from "../../../core/contract/index.ts";
import type { Served } from "../ask-tensors.ts";
import { bytesOf } from "../binary.ts";
import { misfit, type Tensor, type TensorSpec } from "../tensor.ts";
import { classified } from "./classification.ts";
import { jsonLengthHeader } from "./request.ts";
import type { InferRequest, RequestedOutput } from "./schema.ts";

/** The outputs that a request asks for: all where it names none. Throws where one is not there, or is asked for twice. */
export function requestedOf({ outputs = [] }: InferRequest, specs: readonly TensorSpec[]): RequestedOutput[] {
  if (outputs.length === 0) return specs.map(({ name }) => ({ name }));
  const seen = new Set<string>();
  for (const { name, parameters } of outputs) {
    const spec = specs.find((one) => one.name === name);
    const names = specs.map((one) => one.name).join(", ");
    if (!spec) throw misfit("outputs", `outputs of the names ${names}`, `output '${name}'`);
    if (seen.has(name)) throw misfit("outputs", "each output once", `'${name}' twice`);
    seen.add(name);
    if (parameters?.classification !== undefined && !spec.labels) {
      throw misfit("outputs", "classification of the output 'scores'", `of '${name}'`);
    }
  }
  return outputs;
}

/** The response to an inference request: JSON, and after it the bytes of the outputs that were asked for in binary. */
export function inferResponse(
  { model, signature }: Served,
  { id, parameters }: InferRequest,
  requested: readonly RequestedOutput[],
  answered: { answers: readonly Answer[]; outputs: readonly Tensor[] },
): Response {
  const versions = new Set(answered.answers.map(({ version }) => version));
  const blobs: Uint8Array<ArrayBuffer>[] = [];
  const outputs = requested.map(({ name, parameters: own }) => {
    const tensor = answered.outputs.find((one) => one.name === name) as Tensor;
    const labels = signature.outputs.find((one) => one.name === name)?.labels ?? [];
    const { datatype, shape, data } =
      own?.classification === undefined ? tensor : classified(tensor, labels, own.classification);
    if (!(own?.binary_data ?? parameters?.binary_data_output)) return { name, datatype, shape, data };
    const bytes = bytesOf({ datatype, data });
    blobs.push(bytes);
    return { name, datatype, shape, parameters: { binary_data_size: bytes.byteLength } };
  });
  // The tensor `version` says which answered which row; here stands what is true of all.
  const [version] = versions;
  const head = {
    model_name: model,
    ...(versions.size === 1 ? { model_version: version } : {}),
    ...(id === undefined ? {} : { id }),
    outputs,
  };
  if (blobs.length === 0) return Response.json(head);
  const json = new TextEncoder().encode(JSON.stringify(head));
  return new Response(new Blob([json, ...blobs]), {
    headers: { "content-type": "application/octet-stream", [jsonLengthHeader]: String(json.byteLength) },
  });
}
