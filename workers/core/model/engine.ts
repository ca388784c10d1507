import type { Backbone, TensorType } from "../contract/index.ts";

/** The files of a TensorFlow.js model, with verified hashes. */
export interface ModelFiles {
  /** A TensorFlow.js model.json. */
  topology: ArrayBuffer;
  shards: ArrayBuffer[];
}

/** Values with their shape, in row-major order; booleans are 0 and 1. */
export interface Tensor {
  shape: number[];
  values: Float32Array | Int32Array | Uint8Array;
}

/** A model's input or output: the shape with its batch, −1 for any size; null if the model does not declare a shape. */
export interface TensorInfo {
  name: string;
  shape: number[] | null;
  dtype: TensorType;
}

/** A model in memory. */
export interface LoadedModel {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Bytes of its weights in memory, which count against the isolate's memory budget. */
  readonly bytes: number;
  /** Computes the named tensors (see `parseTensor`), outputs or intermediate ones. Throws `EngineError` if the inputs do not fit. */
  run(inputs: Readonly<Record<string, Tensor>>, tensors: readonly string[]): Tensor[];
  release(): void;
}

/** A runtime for models. */
export interface Engine {
  readonly name: string;
  /** Loads a model. Throws `EngineError` if it cannot run the files. */
  load(kind: Backbone["kind"], files: ModelFiles): Promise<LoadedModel>;
  /** Returns the number of live tensors, which is the same before and after a question. */
  liveTensors(): number;
}

/** A model that an engine cannot run. */
export class EngineError extends Error {
  override readonly name = "EngineError";
}
