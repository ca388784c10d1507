/** How long a region or the next rung may take to report its state. */
export const lookTimeoutMs = 1_500;

/** Waits for an object's reply. Null if it fails or takes too long, so that the others are still shown. */
export function inTime<T>(asked: Promise<T>): Promise<T | null> {
  const late = scheduler.wait(lookTimeoutMs).then(() => null);
  return Promise.race([asked.catch(() => null), late]);
}
