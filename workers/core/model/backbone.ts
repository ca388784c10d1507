import type { Backbone } from "../contract/index.ts";
import { sizeOf } from "../input/index.ts";
import { type Engine, EngineError, type LoadedModel, type ModelFiles, type Tensor, type TensorInfo } from "./engine.ts";

/** A backbone in memory. */
export interface LoadedBackbone {
  readonly width: number;
  /** Bytes of its weights in memory, which count against the isolate's memory budget. */
  readonly bytes: number;
  /** Embeds a batch to [rows, width]. Each row holds the values of every input, one input after another. */
  embed(values: Float32Array, rows: number): Float32Array;
  release(): void;
}

/** One input of a network: its slice of a row, and its shape. */
interface Part {
  name: string;
  shape: number[];
  offset: number;
  size: number;
}

/**
 * Loads a backbone.
 * @param inputShapes the shape of each input that the manifest gives, without the batch
 * @throws EngineError if the files are not such a model, or its embedding has another width
 */
export async function loadBackbone(
  engine: Engine,
  { kind, embedding: { tensor, width } }: Backbone,
  files: ModelFiles,
  inputShapes: readonly number[][],
): Promise<LoadedBackbone> {
  const model = await engine.load(kind, files);
  try {
    const parts = partsOf(model.inputs, inputShapes);
    const embed = (values: Float32Array, rows: number) =>
      model.run(inputsOf(parts, values, rows), [tensor])[0] as Tensor;
    checkWidth(embed, parts, width);
    return {
      width,
      bytes: model.bytes,
      embed: (values, rows) => embed(values, rows).values as Float32Array,
      release: model.release,
    };
  } catch (error) {
    model.release();
    throw error;
  }
}

/** Orders a network's inputs by the given shapes. A graph lists its inputs in any order; each gets the first shape that fits. */
export function inputsInOrder<T extends { shape: readonly number[] | null }>(
  inputs: readonly T[],
  inputShapes: readonly (readonly number[])[],
): T[] {
  const left = [...inputs];
  return inputShapes.flatMap((given) => {
    const fitting = left.findIndex(({ shape }) => !shape || isOpen(shape) || sizeOf(shape.slice(1)) === sizeOf(given));
    return left.splice(Math.max(0, fitting), 1);
  });
}

function partsOf(inputs: LoadedModel["inputs"], inputShapes: readonly number[][]): Part[] {
  if (inputs.length !== inputShapes.length) {
    throw new EngineError(
      `The network has ${inputs.length} inputs; the manifest's input provides ${inputShapes.length}.`,
    );
  }
  let offset = 0;
  return inputsInOrder(inputs, inputShapes).map((input, i) => {
    const given = inputShapes[i] as number[];
    const size = sizeOf(given);
    const part = { name: input.name, shape: shapeFor(input, given), offset, size };
    offset += size;
    return part;
  });
}

function shapeFor({ name, shape }: TensorInfo, given: number[]): number[] {
  if (!shape || isOpen(shape)) return given;
  const own = shape.slice(1);
  if (sizeOf(own) === sizeOf(given)) return own;
  throw new EngineError(`Input '${name}' of the network has shape [${own}]; the manifest's input provides [${given}].`);
}

function isOpen(shape: readonly number[]): boolean {
  return shape.slice(1).some((size) => size < 0);
}

// Runs once on zeros, for which the engine checks every shape.
function checkWidth(
  embed: (values: Float32Array, rows: number) => Tensor,
  parts: readonly Part[],
  width: number,
): void {
  const { shape } = embed(new Float32Array(rowWidth(parts)), 1);
  if (shape[0] === 1 && sizeOf(shape) === width) return;
  throw new EngineError(`The embedding must have width ${width}; the network's has shape [${shape}].`);
}

function rowWidth(parts: readonly Part[]): number {
  return parts.reduce((sum, { size }) => sum + size, 0);
}

function inputsOf(parts: readonly Part[], values: Float32Array, rows: number): Record<string, Tensor> {
  const width = rowWidth(parts);
  const named = parts.map(({ name, shape, offset, size }) => {
    return [name, { shape: [rows, ...shape], values: columnsOf(values, rows, width, offset, size) }];
  });
  return Object.fromEntries(named);
}

// One input's slice of each row.
function columnsOf(values: Float32Array, rows: number, width: number, offset: number, size: number): Float32Array {
  if (size === width) return values;
  if (rows === 1) return values.subarray(offset, offset + size);
  const out = new Float32Array(rows * size);
  for (let row = 0; row < rows; row++) {
    out.set(values.subarray(row * width + offset, row * width + offset + size), row * size);
  }
  return out;
}
