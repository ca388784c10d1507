import type { Tensor } from "#core/model/engine.ts";
import type { TfjsModelFiles } from "../files.ts";
import { isTrap, onCpu, restartBackend } from "./backends.ts";
import { differenceOf, largestOf, tolerance } from "./difference.ts";
import { openPlain } from "./open-plain.ts";
import type { PlainModel, Step } from "./plain-model.ts";

/** The first step of a model that differs from the reference. */
export interface FirstDifference extends Step {
  difference: number;
  /**
   * Whether the step differs on the very inputs that it has in the reference. Otherwise rounding before it has grown, as
   * where two scores are nearly equal and another one is the largest.
   */
  isOwn: boolean;
  /** Whether its values are integers or booleans. */
  isWhole: boolean;
}

/** Finds the first layer or node, in topological order, whose values on the edge's backend differ from the CPU backend's. */
export async function firstDifference(
  files: TfjsModelFiles,
  tensors: readonly string[],
  inputs: readonly Tensor[],
): Promise<FirstDifference | null> {
  const model = await openPlain(files, tensors);
  try {
    return await firstIn(model, inputs);
  } finally {
    model.release();
  }
}

async function firstIn(model: PlainModel, inputs: readonly Tensor[]): Promise<FirstDifference | null> {
  const { steps } = model;
  const expected = await onCpu(() => model.runSteps(inputs, steps.length));
  const found = model.runSteps(inputs, steps.length);
  const between = (a: readonly Tensor[], b: readonly Tensor[]) =>
    largestOf(b.map((reference, i) => differenceOf(a[i] as Tensor, reference))) ?? 0;
  const differing = steps.flatMap((step, at) => {
    const difference = between(found[at] as Tensor[], expected[at] as Tensor[]);
    return difference > tolerance ? [{ step, at, difference }] : [];
  });
  for (const { step, at, difference } of differing) {
    const inner = model.inside(at, inputs, expected);
    const within = inner && (await firstIn(inner.model, inner.inputs));
    if (within?.isOwn) return within;
    const alone = model.runAlone(at, inputs, expected);
    const reference = alone && (await onCpu(() => model.runAlone(at, inputs, expected)));
    const own = alone && reference && between(alone, reference);
    if (own !== null && own > tolerance) {
      return { ...step, difference: own, isOwn: true, isWhole: isWhole(expected[at] as Tensor[]) };
    }
    if (own === null && differing.length === 1) return { ...step, difference, isOwn: true, isWhole: false };
  }
  const [first] = differing;
  return first
    ? { ...first.step, difference: first.difference, isOwn: false, isWhole: isWhole(expected[first.at] as Tensor[]) }
    : null;
}

function isWhole(tensors: readonly Tensor[]): boolean {
  return tensors.every(({ values }) => !(values instanceof Float32Array));
}

/** The first step of a model that the edge's backend cannot run, with the library's reason. */
export interface FirstFailure extends Step {
  reason: string;
}

/** Finds the first layer or node that cannot run on the edge's backend; null when TensorFlow.js alone runs them all. */
export async function firstFailure(
  files: TfjsModelFiles,
  tensors: readonly string[],
  inputs: readonly Tensor[],
): Promise<FirstFailure | null> {
  const { length } = await attempt(files, tensors, async ({ steps }) => steps);
  const failureOf = (count: number): Promise<string | null> =>
    attempt(files, tensors, async (model) => {
      try {
        model.runSteps(inputs, count);
        return null;
      } catch (error) {
        if (isTrap(error)) await restartBackend();
        return error instanceof Error ? error.message : String(error);
      }
    });
  let reason = await failureOf(length);
  if (reason === null) return null;
  let [works, fails] = [0, length];
  while (fails - works > 1) {
    const middle = (works + fails) >> 1;
    const found = await failureOf(middle);
    if (found === null) works = middle;
    else [fails, reason] = [middle, found];
  }
  const step = await attempt(files, tensors, async ({ steps }) => steps[fails - 1] as Step);
  return { ...step, reason };
}

async function attempt<T>(
  files: TfjsModelFiles,
  tensors: readonly string[],
  work: (model: PlainModel) => Promise<T>,
): Promise<T> {
  const model = await openPlain(files, tensors);
  try {
    return await work(model);
  } finally {
    try {
      model.release();
    } catch {
      // Its weights were in the memory of a backend that trapped.
    }
  }
}
