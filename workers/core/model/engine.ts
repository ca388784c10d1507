import type { Backbone, TensorType } from "../contract/index.ts";

/** The blobs of a TensorFlow.js model, their hashes already verified. */
export interface ModelFiles {
  /** A TensorFlow.js model.json. */
  topology: ArrayBuffer;
  shards: ArrayBuffer[];
}

/** Values with their shape, row by row; truth values are 0 and 1. */
export interface Tensor {
  shape: number[];
  values: Float32Array | Int32Array | Uint8Array;
}

/** What a model says of one of its inputs or outputs: the shape with its batch, −1 where any size will do; null where it says nothing. */
export interface TensorInfo {
  name: string;
  shape: number[] | null;
  dtype: TensorType;
}

/** A model in memory. */
export interface LoadedModel {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Float32 bytes of its weights, as they count against the isolate's budget. */
  readonly bytes: number;
  /** The tensors asked for, outputs or any between, by what the inputs hold. Throws `EngineError` where they do not fit. */
  run(inputs: Readonly<Record<string, Tensor>>, tensors: readonly string[]): Tensor[];
  release(): void;
}

/** What runs models; another one may take its place. */
export interface Engine {
  readonly name: string;
  /** Throws `EngineError` when the files are no model that it can run. */
  load(kind: Backbone["kind"], files: ModelFiles): Promise<LoadedModel>;
  /** How many tensors are alive: equal before and after a question. */
  liveTensors(): number;
}

/** A model that an engine can't run, and why. */
export class EngineError extends Error {
  override readonly name = "EngineError";
}
