import type { TensorSpec } from "#core/contract/index.ts";
import { sizeOf } from "#core/input/index.ts";
import type { Tensor } from "#core/model/engine.ts";
import { seededRandom } from "../../random.ts";
import type { Range, Ranges } from "./input-ranges.ts";

const usualRanges: Record<TensorSpec["dtype"], Range> = {
  float32: { low: -1, high: 1, isWhole: false },
  int32: { low: 0, high: 3, isWhole: true },
  bool: { low: 0, high: 1, isWhole: true },
};

/** How random inputs are drawn. */
export interface DrawOptions {
  /** The same seed draws the same inputs. */
  seed?: number;
  /** What a model takes, by tensor; numbers from −1 to 1, integers from 0 to 3 and booleans unless given. */
  ranges?: Ranges;
}

/** Draws random values for a model's inputs. */
export function randomInputs(
  inputs: readonly TensorSpec[],
  rows: number,
  { seed = 1, ranges = {} }: DrawOptions = {},
): Record<string, Tensor> {
  const random = seededRandom(seed);
  const values = inputs.map(({ name, tensor, shape, dtype }): [string, Tensor] => {
    const own = [rows, ...shape];
    const { low, high, isWhole } = ranges[tensor] ?? usualRanges[dtype];
    const draw = () => (isWhole ? low + Math.floor((high - low + 1) * random()) : low + (high - low) * random());
    const all = Float32Array.from({ length: sizeOf(own) }, draw);
    return [name, { shape: own, values: dtype === "float32" ? all : Int32Array.from(all) }];
  });
  return Object.fromEntries(values);
}

/** Maps inputs from their names in the API to the model's own tensor names. */
export function byTensor(inputs: readonly TensorSpec[], values: Record<string, Tensor>): Record<string, Tensor> {
  return Object.fromEntries(inputs.map(({ name, tensor }) => [tensor, values[name] as Tensor]));
}
