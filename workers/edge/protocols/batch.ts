import { batchMaxQuestions } from "#core/contract/index.ts";
import { misfit, type NamedTensor, type TensorMetadata } from "./tensor.ts";

/** The input tensors of a model, all with the same number of rows. */
export interface Batch {
  rows: number;
  /** In the shapes of the model's inputs. */
  tensors: NamedTensor[];
}

/** Checks tensors against a model's inputs: known names, no duplicates, matching shapes, the same number of rows. */
export function batchOf(inputs: readonly TensorMetadata[], tensors: readonly NamedTensor[]): Batch {
  const [rows = 0] = tensors[0]?.shape ?? [];
  if (rows < 1 || rows > batchMaxQuestions) {
    throw misfit("inputs", `tensors with a first dimension from 1 to ${batchMaxQuestions}`, `${rows}`);
  }
  const seen = new Set<string>();
  const fitted = tensors.map((tensor) => {
    const { name } = tensor;
    if (seen.has(name)) throw misfit(name, "present once", "it twice");
    seen.add(name);
    return { ...tensor, shape: shapeAs(metadataOf(inputs, name), tensor.shape, rows) };
  });
  return { rows, tensors: fitted };
}

/** Finds the signature of an input. Throws for an unknown name. */
export function metadataOf(inputs: readonly TensorMetadata[], name: string): TensorMetadata {
  const found = inputs.find((input) => input.name === name);
  if (found) return found;
  const names = inputs.map((input) => input.name).join(", ");
  throw misfit("inputs", `among ${names}`, `input '${name}'`);
}

// Trailing dimensions of 1 are optional, such as those of a column vector or the channel of a grey image.
function shapeAs({ name, shape: declared }: TensorMetadata, given: readonly number[], rows: number): number[] {
  const wanted = [rows, ...declared.slice(1)];
  if (isAs(wanted, given)) return [...given];
  if (isAs(withoutOnes(wanted), withoutOnes(given))) return wanted.map((_, i) => given[i] ?? 1);
  throw misfit(name, `shape [${wanted}]`, `shape [${given}]`);
}

function isAs(wanted: readonly number[], given: readonly number[]): boolean {
  return wanted.length === given.length && wanted.every((size, i) => size < 0 || size === given[i]);
}

function withoutOnes([rows = 0, ...shape]: readonly number[]): number[] {
  const last = shape.findLastIndex((size) => size !== 1);
  return [rows, ...shape.slice(0, last + 1)];
}
