import { ProblemError } from "#client/index.ts";

const patienceMs = 10 * 60_000;
const pauseMs = 2_000;

/** Reads again while a rung is unavailable, for some minutes: what is followed goes on meanwhile. */
export async function patiently<T>(read: () => Promise<T>): Promise<T> {
  const until = Date.now() + patienceMs;
  for (;;) {
    try {
      return await read();
    } catch (error) {
      const isAway = error instanceof ProblemError && error.status === 503;
      if (!isAway || Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
