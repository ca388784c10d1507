import * as tf from "@tensorflow/tfjs-core";

/** For each of a network's weights, ones where it may change and zeros where it stays zero; null where all may. */
export type Masks = (tf.Tensor | null)[];

/**
 * Sets the smallest weights of each kernel to zero (magnitude pruning, Han et al., arXiv 1506.02626): the share of them
 * that is asked for, biases and the head, which is the last kernel, left alone. Gives the weights and their masks.
 */
export async function prune(
  weights: readonly tf.Tensor[],
  share: number,
): Promise<{ weights: tf.Tensor[]; masks: Masks }> {
  const kernels = weights.filter(({ rank }) => rank >= 2);
  const masks = await Promise.all(
    weights.map(async (weight) => {
      if (weight.rank < 2 || weight === kernels.at(-1)) return null;
      const sizes = ((await weight.data()) as Float32Array).map(Math.abs);
      const cutoff = sizes.slice().sort()[Math.floor(share * sizes.length)] as number;
      return tf.tensor(
        Float32Array.from(sizes, (size) => (size < cutoff ? 0 : 1)),
        weight.shape,
      );
    }),
  );
  const pruned = weights.map((weight, i) => {
    const mask = masks[i];
    return mask ? tf.mul(weight, mask) : weight.clone();
  });
  return { weights: pruned, masks };
}

/** Sets what was pruned to zero again, after a step has moved it; variables beyond the masks are left alone. */
export function keepPruned(variables: readonly tf.Variable[], masks: Masks): void {
  tf.tidy(() => {
    for (const [i, mask] of masks.entries()) {
      const variable = variables[i];
      if (mask && variable) variable.assign(tf.mul(variable, mask));
    }
  });
}
