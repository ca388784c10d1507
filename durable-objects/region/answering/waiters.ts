import type { Answer } from "#core/contract/index.ts";

/** Those who wait for an answer, in memory only: whoever is cut off asks again. */
export class Waiters {
  private readonly waiting = new Map<string, Set<(answer: Answer) => void>>();

  /** Resolves with the answer as soon as it is told, or with null after `ms`. */
  wait(id: string, ms: number): Promise<Answer | null> {
    const waiters = this.waiting.get(id) ?? new Set();
    this.waiting.set(id, waiters);
    return new Promise((resolve) => {
      const done = (answer: Answer | null) => {
        clearTimeout(timer);
        waiters.delete(tell);
        if (waiters.size === 0) this.waiting.delete(id);
        resolve(answer);
      };
      const tell = (answer: Answer) => done(answer);
      const timer = setTimeout(() => done(null), ms);
      waiters.add(tell);
    });
  }

  /** Lets go of those who wait for a question that is forgotten. */
  drop(id: string): void {
    this.waiting.delete(id);
  }

  tell(answer: Answer): void {
    for (const tell of [...(this.waiting.get(answer.id) ?? [])]) tell(answer);
  }
}
