import { askSchema, bodyMaxBytes } from "#core/contract/index.ts";
import { readBytes } from "#core/http/body.ts";
import { FaultError } from "#core/http/fault.ts";
import { parseJson } from "#core/http/problem.ts";
import { valuesOfBytes } from "../binary.ts";
import { misfit, type NamedTensor, valuesOfJson } from "../tensor.ts";
import { type InferRequest, type InputTensor, inferRequestSchema } from "./schema.ts";

/** The header with the length of a body's JSON, which the binary tensors follow. */
export const jsonLengthHeader = "inference-header-content-length";

/** Reads an inference request with its tensors, in JSON or in binary data after the JSON. */
export async function readInferRequest(request: Request): Promise<{ infer: InferRequest; tensors: NamedTensor[] }> {
  const body = new Uint8Array(await readBytes(request, bodyMaxBytes));
  const jsonBytes = jsonLengthOf(request, body.byteLength);
  const infer = parseJson(body.subarray(0, jsonBytes), inferRequestSchema);
  return { infer, tensors: tensorsOf(infer.inputs, body.subarray(jsonBytes)) };
}

/** Reads the parameter `candidates`; undefined without it. */
export function candidatesOf({ parameters }: InferRequest): string[] | undefined {
  const text = parameters?.candidates ?? undefined;
  if (text === undefined) return undefined;
  const found = askSchema.shape.candidates.safeParse(parsed(text));
  if (found.success && found.data) return found.data;
  throw misfit(
    "parameters.candidates",
    'a JSON array of labels as text, such as ["cat","dog"]',
    `'${text.slice(0, 100)}'`,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function jsonLengthOf({ headers }: Request, bodyBytes: number): number {
  const header = headers.get(jsonLengthHeader);
  if (header === null) return bodyBytes;
  const bytes = /^\d{1,15}$/.test(header) ? Number(header) : Number.NaN;
  if (bytes <= bodyBytes) return bytes;
  const expected = `the length of the JSON, at most the body's ${bodyBytes} bytes`;
  throw new FaultError({ kind: "malformed", expected, received: `'${header}'` });
}

function tensorsOf(inputs: readonly InputTensor[], binary: Uint8Array): NamedTensor[] {
  let next = 0;
  const tensors = inputs.map((input, i): NamedTensor => {
    const { name, datatype, shape, parameters } = input;
    const data = input.data ?? undefined;
    const path = `inputs.${i}`;
    checkSize(path, shape);
    const bytes = parameters?.binary_data_size ?? undefined;
    if ((bytes === undefined) === (data === undefined)) {
      const received = data === undefined ? "neither" : "both";
      throw misfit(path, "an input with either data or binary_data_size", received);
    }
    if (bytes === undefined) return { name, datatype, shape, data: valuesOfJson(path, datatype, shape, data) };
    const rest = binary.byteLength - next;
    if (bytes > rest) throw misfit(path, `${bytes} bytes after the JSON`, `${rest}`);
    const own = binary.subarray(next, next + bytes);
    next += bytes;
    return { name, datatype, shape, data: valuesOfBytes(path, datatype, shape, own) };
  });
  if (next === binary.byteLength) return tensors;
  throw misfit("inputs", `tensors that use all ${binary.byteLength} bytes after the JSON`, `tensors of ${next} bytes`);
}

// Checked before memory of that size is allocated. Each value takes at least one byte in any form.
function checkSize(path: string, shape: readonly number[]): void {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (size <= bodyMaxBytes) return;
  throw misfit(path, `a tensor of at most ${bodyMaxBytes} values`, `shape [${shape}]`);
}
