import { type NoAnswer, RungUnavailableError } from "#core/rung/rung.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";

/** The first pause of a rate limit without a hint; each further one is twice as long, up to a minute. */
const firstPauseMs = 1_000;
const pauseMaxMs = 60_000;
/** When an empty allowance without a hint is tried again. */
const allowanceMs = 10 * 60_000;

interface Pause {
  until: number;
  why: NoAnswer;
}

/** Whether a rung may be asked now: a circuit breaker for failures, and pauses for limits, which are no failures. */
export class RungHealth {
  private readonly breaker = new CircuitBreaker();
  private pause: Pause | null = null;
  private limits = 0;
  private readonly known = new WeakSet<RungUnavailableError>();

  /** Returns why the rung is not asked now; null where it may be. */
  refusal(now: number): RungUnavailableError | null {
    if (!this.breaker.allows(now)) return new RungUnavailableError("the circuit to the next rung is open");
    if (this.pause === null || now >= this.pause.until) return null;
    const { until, why } = this.pause;
    const reason = why === "allowance" ? "its allowance is used up" : "it limits the rate of questions";
    return new RungUnavailableError(reason, { why, retryAfterMs: until - now });
  }

  succeeded(): void {
    this.breaker.succeeded();
    this.limits = 0;
    this.pause = null;
  }

  /** Notes why the rung gave no answer: once, however many callers were in the call that failed. */
  met(error: RungUnavailableError, now: number): void {
    if (this.known.has(error)) return;
    this.known.add(error);
    const { why, retryAfterMs } = error;
    if (why === "failed") this.breaker.failed(now);
    if (why === "allowance") this.pause = { until: now + (retryAfterMs ?? allowanceMs), why };
    if (why === "rate-limited") {
      const ms = retryAfterMs ?? Math.min(pauseMaxMs, firstPauseMs * 2 ** this.limits++);
      this.pause = { until: now + ms, why };
    }
  }

  outcome(): ReturnType<CircuitBreaker["outcome"]> {
    return this.breaker.outcome();
  }

  breakerState(now: number): "closed" | "open" {
    return this.breaker.state(now);
  }

  /** Until when a limit keeps it from being asked, and which; null for none. */
  paused(now: number): Pause | null {
    return this.pause && now < this.pause.until ? this.pause : null;
  }
}
