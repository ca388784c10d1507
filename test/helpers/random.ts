/** A seeded generator of numbers in [0, 1), for tests: a 32-bit linear congruence (Numerical Recipes). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** n numbers in [low, high). */
export function uniform(random: () => number, n: number, low = -1, high = 1): Float32Array {
  return Float32Array.from({ length: n }, () => low + (high - low) * random());
}
