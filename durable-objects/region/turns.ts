/**
 * Work that waits for something outside, and what takes data away under it, one after the other: a slice that reads,
 * waits and then writes never writes what was forgotten meanwhile.
 */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => {});
    return turn;
  }
}
