import type { Backbone } from "../contract/index.ts";

/** The blobs of a backbone, their hashes already verified. */
export interface BackboneFiles {
  /** A TensorFlow.js model.json. */
  topology: ArrayBuffer;
  shards: ArrayBuffer[];
}

/** A last layer in plain numbers: weights [width, classes] row by row, then bias [classes]. */
export interface HeadWeights {
  width: number;
  classes: number;
  temperature: number;
  weights: Float32Array;
  bias: Float32Array;
}

/** A backbone in memory. */
export interface LoadedBackbone {
  readonly width: number;
  /** Float32 bytes of its weights, as they count against the isolate's budget. */
  readonly bytes: number;
  /** Embeds a batch: rows of values, those of each input one after another, to [rows, width]. */
  embed(values: Float32Array, rows: number): Float32Array;
  release(): void;
}

/** What turns blobs into embeddings; another engine may take its place. */
export interface Engine {
  readonly name: string;
  /** Throws `EngineError` when the files are no network that it can run. */
  load(spec: Backbone, files: BackboneFiles, inputShapes: readonly number[][]): LoadedBackbone;
  /** How many tensors are alive: equal before and after a question. */
  liveTensors(): number;
}

/** A network that an engine can't run, and why. */
export class EngineError extends Error {
  override readonly name = "EngineError";
}
