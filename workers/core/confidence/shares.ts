/** A share of `n` questions. */
export interface Share {
  share: number;
  n: number;
}

/** The ends of an interval. */
export interface Interval {
  low: number;
  high: number;
}

/**
 * Bounds the difference of two shares of independent questions, after − before: Newcombe's hybrid score interval (method 10 of
 * Statistics in Medicine 17:873, 1998). Each end is missed with probability `tail`. Shares of the same questions differ by less
 * than it says.
 */
export function shareDifference(before: Share, after: Share, tail: number): Interval {
  const z = normalQuantile(tail);
  const [old, now] = [wilson(before, z), wilson(after, z)];
  const difference = after.share - before.share;
  return {
    low: difference - Math.hypot(after.share - now.low, old.high - before.share),
    high: difference + Math.hypot(now.high - after.share, before.share - old.low),
  };
}

/** Returns z with P(Z > z) = `tail` for a normal Z and a tail below one half, to 0.0005 (Abramowitz & Stegun 26.2.23). */
export function normalQuantile(tail: number): number {
  const t = Math.sqrt(-2 * Math.log(tail));
  const numerator = 2.515517 + 0.802853 * t + 0.010328 * t ** 2;
  return t - numerator / (1 + 1.432788 * t + 0.189269 * t ** 2 + 0.001308 * t ** 3);
}

function wilson({ share, n }: Share, z: number): Interval {
  const centre = 2 * n * share + z ** 2;
  const spread = z * Math.sqrt(z ** 2 + 4 * n * share * (1 - share));
  const [low, high] = [centre - spread, centre + spread].map((end) => end / (2 * (n + z ** 2))) as [number, number];
  return { low, high };
}
