/** How long a call to KV may take: one that hangs does not hold up the registry's other jobs. */
const kvTimeoutMs = 2_000;

/** Waits for a call to KV for a bounded time; throws where that is over. */
export async function kvInTime<T>(call: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`KV did not reply within ${kvTimeoutMs} ms`)), kvTimeoutMs);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}
