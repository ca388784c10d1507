import type { Answer } from "#core/contract/index.ts";

/** Calls that wait for an answer. They are held in memory: a call that is cut off asks again. */
export class Waiters {
  private readonly waiting = new Map<string, Set<(answer: Answer) => void>>();

  /** Returns the answer as soon as it is known, or null after `ms`. */
  wait(id: string, ms: number): Promise<Answer | null> {
    const waiters = this.waiting.get(id) ?? new Set();
    this.waiting.set(id, waiters);
    return new Promise((resolve) => {
      const done = (answer: Answer | null) => {
        clearTimeout(timer);
        waiters.delete(receive);
        if (waiters.size === 0) this.waiting.delete(id);
        resolve(answer);
      };
      const receive = (answer: Answer) => done(answer);
      const timer = setTimeout(() => done(null), ms);
      waiters.add(receive);
    });
  }

  /** Removes the waiters of a question that was forgotten. */
  drop(id: string): void {
    this.waiting.delete(id);
  }

  /** Gives an answer to the calls that wait for it. */
  notify(answer: Answer): void {
    for (const receive of [...(this.waiting.get(answer.id) ?? [])]) receive(answer);
  }
}
