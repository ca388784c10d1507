import type { TensorSpec } from "#core/contract/index.ts";
import { sizeOf } from "#core/input/index.ts";
import type { Tensor } from "#core/model/engine.ts";
import { seededRandom } from "../random.ts";

/** Draws random values for a model's inputs: numbers from −1 to 1, integers from 0 to 3, booleans. The same seed gives the same. */
export function randomInputs(inputs: readonly TensorSpec[], rows: number, seed = 1): Record<string, Tensor> {
  const random = seededRandom(seed);
  const values = inputs.map(({ name, shape, dtype }): [string, Tensor] => {
    const own = [rows, ...shape];
    const value = {
      float32: () => 2 * random() - 1,
      int32: () => Math.floor(4 * random()),
      bool: () => Math.round(random()),
    };
    const all = Float32Array.from({ length: sizeOf(own) }, value[dtype]);
    return [name, { shape: own, values: dtype === "float32" ? all : Int32Array.from(all) }];
  });
  return Object.fromEntries(values);
}

/** Maps inputs from their names in the API to the model's own tensor names. */
export function byTensor(inputs: readonly TensorSpec[], values: Record<string, Tensor>): Record<string, Tensor> {
  return Object.fromEntries(inputs.map(({ name, tensor }) => [tensor, values[name] as Tensor]));
}
