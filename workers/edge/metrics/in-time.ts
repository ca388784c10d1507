/** How long a region or the next rung may take to report its state. */
export const lookTimeoutMs = 1_500;

/** What an object says of itself, or null where it fails or takes too long: the others are shown all the same. */
export function inTime<T>(asked: Promise<T>): Promise<T | null> {
  const late = scheduler.wait(lookTimeoutMs).then(() => null);
  return Promise.race([asked.catch(() => null), late]);
}
