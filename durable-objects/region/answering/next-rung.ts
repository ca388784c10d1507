import type { Answer, ClassifyManifest, Question } from "#core/contract/index.ts";
import { HttpRung } from "#core/rung/http-rung.ts";
import { type Hop, nextRungTimeoutMs, RungUnavailableError } from "#core/rung/rung.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";

/** The rung above the region: another node's URL, behind a circuit breaker. */
export class NextRung {
  private readonly breaker = new CircuitBreaker();
  private readonly env: Pick<Env, "NEXT_RUNG_URL" | "NEXT_RUNG_TOKEN">;
  private readonly model: string;

  constructor(env: Pick<Env, "NEXT_RUNG_URL" | "NEXT_RUNG_TOKEN">, model: string) {
    this.env = env;
    this.model = model;
  }

  /** Returns whether the model's ladder has a rung above the region, and the deployment names it. */
  isPresent({ policy }: ClassifyManifest): boolean {
    return policy.ladder.includes("origin") && this.env.NEXT_RUNG_URL !== "";
  }

  /** Asks the next rung. Throws `RungUnavailableError` where it does not answer, and at once while the circuit is open. */
  async ask(questions: readonly Question[], hop: Hop): Promise<Answer[]> {
    if (!this.breaker.allows(Date.now())) throw new RungUnavailableError("the circuit to the next rung is open");
    const rung = new HttpRung({
      name: "origin",
      model: this.model,
      url: this.env.NEXT_RUNG_URL,
      token: this.env.NEXT_RUNG_TOKEN,
      timeoutMs: nextRungTimeoutMs,
    });
    try {
      const replies = await rung.ask(questions, hop);
      this.breaker.succeeded();
      return replies.map((reply) => reply.answer);
    } catch (error) {
      this.breaker.failed(Date.now());
      throw error;
    }
  }

  breakerState(): "closed" | "open" {
    return this.breaker.state(Date.now());
  }
}
