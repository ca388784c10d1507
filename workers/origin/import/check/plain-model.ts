import type { Tensor } from "#core/model/engine.ts";

/** A layer's call, or a node, of a model: what it is called, and what it computes. */
export interface Step {
  name: string;
  operation: string;
}

/**
 * A model as TensorFlow.js alone runs it, on whichever backend is set: the reference for the edge's engine, of which it
 * shares nothing but the reading of files.
 */
export interface PlainModel {
  /** Computes all outputs from inputs in the order of the model. */
  run(inputs: readonly Tensor[]): Tensor[];
  /** What the outputs are computed by, in topological order, without inputs and constants. */
  steps: readonly Step[];
  /** Computes what each of the first `count` steps returns. */
  runSteps(inputs: readonly Tensor[], count: number): Tensor[][];
  /**
   * Runs one step alone on the tensors that other steps returned, so that nothing before it adds to its difference. Null
   * when it can't be run alone.
   */
  runAlone(step: number, inputs: readonly Tensor[], known: readonly Tensor[][]): Tensor[] | null;
  /** The model that a step applies, with the inputs that it receives; null for every other step. */
  inside(
    step: number,
    inputs: readonly Tensor[],
    known: readonly Tensor[][],
  ): { model: PlainModel; inputs: Tensor[] } | null;
  release(): void;
}
