const breakerFailures = 3;
const breakerOpenMs = 5_000;

/** A circuit breaker: after some failures in a row the next rung is left alone for a while, then tried once. */
export class Breaker {
  private failures = 0;
  private openUntil = 0;

  /** Whether a call may go through now. */
  allows(now: number): boolean {
    return now >= this.openUntil;
  }

  state(now: number): "closed" | "open" {
    return this.allows(now) ? "closed" : "open";
  }

  succeeded(): void {
    this.failures = 0;
    this.openUntil = 0;
  }

  failed(now: number): void {
    this.failures++;
    if (this.failures >= breakerFailures) this.openUntil = now + breakerOpenMs;
  }
}
