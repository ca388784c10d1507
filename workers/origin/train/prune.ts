import * as tf from "@tensorflow/tfjs-core";
import type { Trainable } from "./trainable.ts";

/** A mask for each of a network's weights: one where it may change, zero where it stays zero; null if all may change. */
export type Masks = (tf.Tensor | null)[];

/**
 * Sets a share of each kernel's weights, the smallest, to zero (magnitude pruning, Han et al., arXiv 1506.02626). Biases,
 * the tables of bags and the head stay as they are. Returns the values of the network's variables and tables, and masks.
 */
export async function prune(
  { variables, kernels, bags = [] }: Pick<Trainable, "variables" | "kernels" | "bags">,
  share: number,
): Promise<{ weights: tf.Tensor[]; masks: Masks; tables: Float32Array[] }> {
  const masks = await Promise.all(
    variables.map(async (weight) => {
      if (!kernels.includes(weight) || weight === kernels.at(-1)) return null;
      const sizes = ((await weight.data()) as Float32Array).map(Math.abs);
      const cutoff = sizes.slice().sort()[Math.floor(share * sizes.length)] as number;
      return tf.tensor(
        Float32Array.from(sizes, (size) => (size < cutoff ? 0 : 1)),
        weight.shape,
      );
    }),
  );
  const pruned = variables.map((weight, i) => {
    const mask = masks[i];
    return mask ? tf.mul(weight, mask) : weight.clone();
  });
  return { weights: pruned, masks, tables: bags.map(({ values }) => values.slice()) };
}

/** Sets pruned weights to zero again after a step has changed them; variables beyond the masks stay as they are. */
export function keepPruned(variables: readonly tf.Variable[], masks: Masks): void {
  tf.tidy(() => {
    for (const [i, mask] of masks.entries()) {
      const variable = variables[i];
      if (mask && variable) variable.assign(tf.mul(variable, mask));
    }
  });
}
