import type { Answer } from "#core/contract/index.ts";

/** Calls that wait for an answer. They are in memory only: after an eviction a caller asks again. */
export class Waiters {
  private readonly waiting = new Map<string, Set<(answer: Answer) => void>>();
  private readonly reads = new Map<string, number>();

  /** Resolves with the answer when it arrives, or with null after `ms`. */
  wait(id: string, ms: number): Promise<Answer | null> {
    const waiters = this.waiting.get(id) ?? new Set();
    this.waiting.set(id, waiters);
    return new Promise((resolve) => {
      const done = (answer: Answer | null) => {
        clearTimeout(timer);
        waiters.delete(notify);
        if (waiters.size === 0) this.waiting.delete(id);
        resolve(answer);
      };
      const notify = (answer: Answer) => done(answer);
      const timer = setTimeout(() => done(null), ms);
      waiters.add(notify);
    });
  }

  /** Waits for a reader that may wait for `max` answers at a time. Returns `full` at once where it waits for as many. */
  async waitAs(reader: string, max: number, id: string, ms: number): Promise<Answer | null | "full"> {
    const now = this.reads.get(reader) ?? 0;
    if (now >= max) return "full";
    this.reads.set(reader, now + 1);
    try {
      return await this.wait(id, ms);
    } finally {
      const left = (this.reads.get(reader) ?? 0) - 1;
      if (left > 0) this.reads.set(reader, left);
      else this.reads.delete(reader);
    }
  }

  /** Stops notifying the calls that wait for a forgotten question; they end at their deadline. */
  drop(id: string): void {
    this.waiting.delete(id);
  }

  /** Passes an answer to the calls that wait for it. */
  notify(answer: Answer): void {
    for (const notify of [...(this.waiting.get(answer.id) ?? [])]) notify(answer);
  }
}
