/** The longest that a request may ask to wait with `Prefer: wait=N`. */
export const waitMaxSeconds = 60;

/** Seconds that a `Prefer: wait=N` header asks for, within the limit; 0 without one. */
export function preferredWaitSeconds(request: Request, maxSeconds: number): number {
  return (preferredWaitMs(request, maxSeconds * 1_000) ?? 0) / 1_000;
}

/** Milliseconds that a `Prefer: wait=N` header asks for, within the limit; null without one. */
export function preferredWaitMs(request: Request, maxMs: number): number | null {
  const seconds = /(?:^|[,;\s])wait=(\d{1,6})/i.exec(request.headers.get("prefer") ?? "")?.[1];
  return seconds === undefined ? null : Math.min(Number(seconds) * 1_000, maxMs);
}
