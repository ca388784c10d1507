/** The longest that a request may ask to wait with `Prefer: wait=N`. */
export const waitMaxSeconds = 60;

/** Seconds that a `Prefer: wait=N` header asks for, within the limit; 0 without one. */
export function preferredWaitSeconds(request: Request, maxSeconds: number): number {
  const seconds = /(?:^|[,;\s])wait=(\d{1,6})/i.exec(request.headers.get("prefer") ?? "")?.[1];
  return Math.min(Number(seconds ?? 0), maxSeconds);
}
