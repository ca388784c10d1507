/**
 * Runs asynchronous work one piece at a time, in order. Retrain slices, archiving and forgetting share one: a slice that
 * reads, waits and then writes can never write what was forgotten in between.
 */
export class Mutex {
  private last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => {});
    return turn;
  }
}
