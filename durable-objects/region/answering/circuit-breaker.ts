const breakerFailures = 3;
const breakerOpenMs = 5_000;

/** A circuit breaker: after several failures in a row no call is made for a while, then one is tried. */
export class CircuitBreaker {
  private failures = 0;
  private openUntil = 0;
  private hasAnswered = false;

  /** Returns whether a call may be made now. */
  allows(now: number): boolean {
    return now >= this.openUntil;
  }

  state(now: number): "closed" | "open" {
    return this.allows(now) ? "closed" : "open";
  }

  /** Tells whether the calls fail or get answers; `unsure` while fewer failed than open it, null before the first. */
  outcome(): "answers" | "fails" | "unsure" | null {
    if (this.failures > 0) return this.failures >= breakerFailures ? "fails" : "unsure";
    return this.hasAnswered ? "answers" : null;
  }

  succeeded(): void {
    this.failures = 0;
    this.openUntil = 0;
    this.hasAnswered = true;
  }

  failed(now: number): void {
    this.failures++;
    if (this.failures >= breakerFailures) this.openUntil = now + breakerOpenMs;
  }
}
