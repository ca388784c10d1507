import { concatBytes } from "#core/bytes.ts";
import type { Answered } from "../answered.ts";
import type { Named } from "../ask-tensors.ts";
import { bytesOf } from "../binary.ts";
import { listOf, misfit, type NamedTensor, type TensorMetadata } from "../tensor.ts";
import { classified } from "./classification.ts";
import { jsonLengthHeader } from "./request.ts";
import type { InferRequest, InferResponse, RequestedOutput } from "./schema.ts";

/** Selects the requested outputs; all of them by default. Throws for unknown and duplicate names. */
export function requestedOf({ outputs }: InferRequest, known: readonly TensorMetadata[]): RequestedOutput[] {
  if (!outputs || outputs.length === 0) return known.map(({ name }) => ({ name }));
  const seen = new Set<string>();
  for (const { name, parameters } of outputs) {
    const { datatype } = named(known, name);
    if (seen.has(name)) throw misfit("outputs", "an array without duplicates", `'${name}' twice`);
    seen.add(name);
    const hasNumbers = datatype !== "BYTES" && datatype !== "BOOL";
    if (typeof parameters?.classification === "number" && !hasNumbers) {
      throw misfit("outputs", "numeric to use classification", `'${name}', which is not`);
    }
  }
  return outputs;
}

function named<T extends { name: string }>(outputs: readonly T[], name: string): T {
  const found = outputs.find((output) => output.name === name);
  if (found) return found;
  throw misfit("outputs", `among ${outputs.map((one) => one.name).join(", ")}`, `output '${name}'`);
}

/** Builds the response to an inference request: JSON, followed by the bytes of binary outputs. */
export function inferResponse(
  { model, signature }: Named,
  { id, parameters }: InferRequest,
  requested: readonly RequestedOutput[],
  answered: Answered,
  candidates?: readonly string[],
): Response {
  const blobs: Uint8Array<ArrayBuffer>[] = [];
  const outputs = requested.map(({ name, parameters: own }) => {
    const tensor = outputOf(named(answered.outputs, name), signature.outputs, {
      count: own?.classification ?? undefined,
      candidates,
    });
    const { data, ...rest } = tensor;
    if (!(own?.binary_data ?? parameters?.binary_data_output)) return { ...rest, data: listOf({ data }) };
    const bytes = bytesOf(tensor);
    blobs.push(bytes);
    return { ...rest, parameters: { binary_data_size: bytes.byteLength } };
  });
  const head: InferResponse = {
    model_name: model,
    ...(answered.version === null ? {} : { model_version: answered.version }),
    ...(typeof id === "string" ? { id } : {}),
    outputs,
  };
  if (blobs.length === 0) return Response.json(head);
  const json = new TextEncoder().encode(JSON.stringify(head));
  return new Response(concatBytes([json, ...blobs]), {
    headers: { "content-type": "application/octet-stream", [jsonLengthHeader]: String(json.byteLength) },
  });
}

function outputOf(
  tensor: NamedTensor,
  known: readonly TensorMetadata[],
  { count, candidates }: { count: number | undefined; candidates: readonly string[] | undefined },
): NamedTensor {
  if (count === undefined) return tensor;
  return classified(tensor, known.find(({ name }) => name === tensor.name)?.labels ?? [], count, candidates);
}
